"""Excel workbooks and LibreOffice sheets written by hand, so that a test says what stands in the file to the letter."""

import zipfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

GENERAL, DAY, MOMENT, MONEY, PERCENT, DAY_OWN = range(6)  # styles of cells
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STYLES = f"""{_XML}<styleSheet {_MAIN}><numFmts count="2"><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/>
<numFmt numFmtId="165" formatCode="#,##0.00\\ &quot;EUR&quot;"/></numFmts><fonts count="1"><font/></fonts>
<fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>
<cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="165"/><xf numFmtId="10"/>
<xf numFmtId="164"/></cellXfs></styleSheet>"""


@dataclass
class Cell:
    """A cell that is more than a value: with a style, a formula, or an error as its result."""

    value: object = None
    style: int = GENERAL
    formula: str = ""
    error: str = ""


@dataclass
class Sheet:
    rows: list
    state: str = "visible"
    merged: tuple = ()
    hidden_rows: tuple = ()
    first: int = 1  # row in which `rows` begin


def letters(column: int) -> str:
    return (letters(column // 26 - 1) if column >= 26 else "") + chr(65 + column % 26)


def serial(day: date, epoch_1904: bool = False) -> float:
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    return (moment - (datetime(1904, 1, 1) if epoch_1904 else datetime(1899, 12, 30))) / timedelta(days=1)


def _cell(place: str, value: object, epoch_1904: bool) -> str:
    cell = value if isinstance(value, Cell) else Cell(value)
    formula = f"<f>{escape(cell.formula)}</f>" if cell.formula else ""
    value, style = cell.value, cell.style
    if cell.error:
        return f'<c r="{place}" s="{style}" t="e">{formula}<v>{cell.error}</v></c>'
    if value is None:
        return f'<c r="{place}" s="{style}">{formula}</c>' if formula or style else ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b">{formula}<v>{int(value)}</v></c>'
    if isinstance(value, date):
        style = style or (MOMENT if isinstance(value, datetime) else DAY)
        value = serial(value, epoch_1904)
    if isinstance(value, str):
        if formula:
            return f'<c r="{place}" s="{style}" t="str">{formula}<v>{escape(value)}</v></c>'
        return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}" s="{style}">{formula}<v>{value!r}</v></c>'


def _sheet(sheet: Sheet, epoch_1904: bool) -> str:
    lines = []
    for number, row in enumerate(sheet.rows, sheet.first):
        cells = "".join(_cell(f"{letters(i)}{number}", value, epoch_1904) for i, value in enumerate(row))
        hidden = ' hidden="1"' if number in sheet.hidden_rows else ""
        lines.append(f'<row r="{number}"{hidden}>{cells}</row>')
    merged = "".join(f'<mergeCell ref="{place}"/>' for place in sheet.merged)
    merged = f'<mergeCells count="{len(sheet.merged)}">{merged}</mergeCells>' if merged else ""
    return f"{_XML}<worksheet {_MAIN}><sheetData>{''.join(lines)}</sheetData>{merged}</worksheet>"


def write_xlsx(path: Path, sheets: dict[str, Sheet | list], epoch_1904: bool = False) -> Path:
    """Write a workbook of sheets, each a list of rows or a `Sheet`."""
    made = {name: sheet if isinstance(sheet, Sheet) else Sheet(sheet) for name, sheet in sheets.items()}
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" state="{sheet.state}" r:id="rId{i}"/>'
        for i, (name, sheet) in enumerate(made.items(), 1)
    )
    about = f'<workbookPr date1904="{int(epoch_1904)}"/>'
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for i in range(1, len(made) + 1)
    )
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{_REL}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(made) + 1)
    )
    package = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
    parts = {
        "[Content_Types].xml": f'{_XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/styles.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>' + kinds + "</Types>",
        "_rels/.rels": f'{_XML}<Relationships {package}><Relationship Id="rId1" Type="{_REL}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_XML}<workbook {_MAIN} xmlns:r="{_REL}">{about}<sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"{_XML}<Relationships {package}>{links}"
        f'<Relationship Id="rId99" Type="{_REL}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
        **{f"xl/worksheets/sheet{i}.xml": _sheet(sheet, epoch_1904) for i, sheet in enumerate(made.values(), 1)},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def _ods_cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, datetime | date):
        return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}"/>'
    if isinstance(value, bool):
        return f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(value).lower()}"/>'
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{value!r}"/>'


def write_ods(path: Path, sheets: dict[str, list]) -> Path:
    """Write a LibreOffice workbook of sheets, each a list of rows."""
    space = "urn:oasis:names:tc:opendocument:xmlns"
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>"
        + "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        f'{_XML}<office:document-content xmlns:office="{space}:office:1.0" xmlns:table="{space}:table:1.0" '
        f'xmlns:text="{space}:text:1.0" office:version="1.2"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'{_XML}<manifest:manifest xmlns:manifest="{space}:manifest:1.0"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return path
