"""Excel workbooks and LibreOffice sheets written by hand, so that a test says what stands in the file to the letter."""

import re
import struct
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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
    cell = value if isinstance(value, Cell) else Cell(value)
    formula = f" table:formula={quoteattr('of:=' + cell.formula)}" if cell.formula else ""
    value, text = cell.value, ""
    if cell.error:  # as LibreOffice does; other programs write the number 0 and show the text
        about = 'office:value-type="string" office:string-value="" calcext:value-type="error"'
        text = f"<text:p>{cell.error}</text:p>"
    elif value is None:
        about = ""
    elif isinstance(value, datetime | date):
        about = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif isinstance(value, time):
        about = f'office:value-type="time" office:time-value="{value:PT%HH%MM%SS}"'
    elif isinstance(value, bool):
        about = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
    elif isinstance(value, str):
        about, text = 'office:value-type="string"', f"<text:p>{escape(value)}</text:p>" if value else ""
    else:
        kind = {PERCENT: "percentage", MONEY: "currency"}.get(cell.style, "float")
        about = f'office:value-type="{kind}" office:value="{value!r}"'
    return f"<table:table-cell{formula} {about}>{text}</table:table-cell>"


def _ods_sheet(name: str, sheet: Sheet) -> str:
    lines = ["<table:table-row><table:table-cell/></table:table-row>"] * (sheet.first - 1)
    for number, row in enumerate(sheet.rows, sheet.first):
        cells = list(map(_ods_cell, row))
        for place in sheet.merged:
            (left, top), (right, bottom) = re.findall(r"([A-Z])(\d+)", place)
            if int(top) == number:
                spans = f'table:number-columns-spanned="{ord(right) - ord(left) + 1}"'
                spans += f' table:number-rows-spanned="{int(bottom) - int(top) + 1}"'
                at = ord(left) - 65
                cells[at] = cells[at].replace("<table:table-cell", f"<table:table-cell {spans}", 1)
        hidden = ' table:visibility="collapse"' if number in sheet.hidden_rows else ""
        lines.append(f"<table:table-row{hidden}>{''.join(cells)}</table:table-row>")
    rest = (
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="1024"/>'
    )
    style = "shown" if sheet.state == "visible" else "hidden"
    about = f'table:name={quoteattr(name)} table:style-name="{style}"'
    return f"<table:table {about}>{''.join(lines)}{rest}</table:table-row></table:table>"


def write_ods(path: Path, sheets: dict[str, Sheet | list], password: bool = False) -> Path:
    """Write a LibreOffice workbook of sheets, each a list of rows or a `Sheet`."""
    space = "urn:oasis:names:tc:opendocument:xmlns"
    made = {name: sheet if isinstance(sheet, Sheet) else Sheet(sheet) for name, sheet in sheets.items()}
    tables = "".join(_ods_sheet(name, sheet) for name, sheet in made.items())
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties table:display="{shown}"/>'
        "</style:style>"
        for name, shown in (("shown", "true"), ("hidden", "false"))
    )
    content = (
        f'{_XML}<office:document-content xmlns:office="{space}:office:1.0" xmlns:table="{space}:table:1.0" '
        f'xmlns:text="{space}:text:1.0" xmlns:style="{space}:style:1.0" '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" office:version="1.2">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'{_XML}<manifest:manifest xmlns:manifest="{space}:manifest:1.0"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{kind}"/>'
        + '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry>'
        * password
        + "</manifest:manifest>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return path


# ---- the old format: records of BIFF8 ([MS-XLS]) in a compound file ([MS-CFB])

_ERRORS = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36, "#N/A": 42}
_FORMATS = {GENERAL: 0, DAY: 14, MOMENT: 22, MONEY: 4, PERCENT: 10, DAY_OWN: 164}


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _unicode(text: str, length: str = "<H") -> bytes:
    return struct.pack(length, len(text)) + b"\x01" + text.encode("utf-16-le")


def _biff_cell(row: int, column: int, value: object, epoch_1904: bool) -> bytes:
    cell = value if isinstance(value, Cell) else Cell(value)
    value, style = cell.value, cell.style
    if isinstance(value, date):
        style = style or (MOMENT if isinstance(value, datetime) else DAY)
        value = serial(value, epoch_1904)
    place = struct.pack("<HHH", row, column, style)
    if cell.formula:  # its tokens are those of the number 0: what counts is the result that is kept
        result, after = struct.pack("<d", value) if isinstance(value, int | float) else b"", b""
        if cell.error:
            result = struct.pack("<BBBBHH", 2, 0, _ERRORS[cell.error], 0, 0, 0xFFFF)
        elif not result:  # a text, which follows in a record of its own unless it was never worked out
            result = struct.pack("<BBBBHH", 0, 0, 0, 0, 0, 0xFFFF)
            after = _record(0x207, _unicode(value)) if value is not None else b""
        return _record(0x06, place + result + struct.pack("<HIH", 0, 0, 3) + b"\x1e\x00\x00") + after
    if cell.error or isinstance(value, bool):
        code, is_error = (_ERRORS[cell.error], 1) if cell.error else (int(value), 0)
        return _record(0x205, place + bytes((code, is_error)))
    if value is None:
        return _record(0x201, place) if style else b""
    if isinstance(value, str):
        return _record(0x204, place + _unicode(value))
    return _record(0x203, place + struct.pack("<d", value))


def _biff_sheet(sheet: Sheet, epoch_1904: bool) -> bytes:
    made = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 6))
    wide = max(map(len, sheet.rows), default=0)
    made += _record(0x200, struct.pack("<IIHHH", sheet.first - 1, sheet.first - 1 + len(sheet.rows), 0, wide, 0))
    for number, row in enumerate(sheet.rows, sheet.first - 1):
        flags = 0x120 if number + 1 in sheet.hidden_rows else 0x100
        made += _record(0x208, struct.pack("<HHHHIHH", number, 0, wide, 255, 0, flags, 0))
        made += b"".join(_biff_cell(number, i, value, epoch_1904) for i, value in enumerate(row))
    if sheet.merged:
        corners = [re.findall(r"([A-Z])(\d+)", place) for place in sheet.merged]
        spans = [(int(a[1]) - 1, int(b[1]) - 1, ord(a[0]) - 65, ord(b[0]) - 65) for a, b in corners]
        made += _record(0xE5, struct.pack("<H", len(spans)) + b"".join(struct.pack("<4H", *span) for span in spans))
    return made + _record(0x0A)


def _compound(name: str, stream: bytes) -> bytes:
    """Put one stream of 4,096 bytes or more into a compound file: header, numbers of sectors, directory, stream."""
    stream += bytes(-len(stream) % 512)
    long = len(stream) // 512
    tables = -(-(long + 1) // 127)  # each holds 128 numbers of sectors, and its own among them
    numbers = [0xFFFFFFFD] * tables + [0xFFFFFFFE] + list(range(tables + 2, tables + 1 + long)) + [0xFFFFFFFE]
    numbers += [0xFFFFFFFF] * (128 * tables - len(numbers))

    def entry(title: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (title + "\0").encode("utf-16-le") if title else b""
        about = struct.pack("<HBBIII", len(text), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        return text.ljust(64, b"\0") + about + bytes(36) + struct.pack("<IQ", start, size)

    folder = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(name, 2, 0xFFFFFFFF, tables + 1, len(stream))
    folder += 2 * entry("", 0, 0xFFFFFFFF, 0, 0)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, tables, tables, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", *range(tables), *[0xFFFFFFFF] * (109 - tables))
    return head + struct.pack(f"<{len(numbers)}I", *numbers) + folder + stream


def write_xls(path: Path, sheets: dict[str, Sheet | list], epoch_1904: bool = False, password: bool = False) -> Path:
    """Write a workbook of Excel 97 to 2003 of sheets, each a list of rows or a `Sheet`."""
    made = {name: sheet if isinstance(sheet, Sheet) else Sheet(sheet) for name, sheet in sheets.items()}
    first = _record(0x809, struct.pack("<HHHHII", 0x600, 0x05, 0, 0, 0, 6))
    first += _record(0x2F, bytes(6)) if password else b""
    first += _record(0x22, struct.pack("<H", int(epoch_1904))) + _record(
        0x41E, struct.pack("<H", 164) + _unicode("dd.mm.yyyy")
    )
    first += b"".join(_record(0xE0, struct.pack("<HHH", 0, number, 0) + bytes(14)) for number in _FORMATS.values())
    listed = [_unicode(name, "<B") for name in made]
    bodies = [_biff_sheet(sheet, epoch_1904) for sheet in made.values()]
    place = len(first) + sum(10 + len(name) for name in listed) + 4
    for name, sheet, body in zip(listed, made.values(), bodies):
        state = ("visible", "hidden", "veryHidden").index(sheet.state)
        first += _record(0x85, struct.pack("<IBB", place, state, 0) + name)
        place += len(body)
    stream = first + _record(0x0A) + b"".join(bodies)
    path.write_bytes(_compound("Workbook", stream.ljust(4096, b"\0")))
    return path
