"""Files that no program wrote on purpose: whatever stands in them, a reader answers with tables or with a sentence."""

import os
import random

import pytest

from lepton_nb.cases.retail.sources import SOURCES
from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.reading import look_over, read_folder
from lepton_nb.workbook.parameters import UserError

TEXT = "date,store,item,units,price,channel\n" + "".join(
    f"2025-03-{day:02d},S{day % 3},00{day % 4},{day % 7},1.{day:02d},till\n" for day in range(1, 29)
)
TOKENS = [
    *("\n", "\r", '"', "'", ",", ";", "\t", "\0", "\ufeff", "sep=;\n", "é", "你", "🙂", "=1+1", "1e400", "inf", "nan"),
    *("9999-12-31", "25:00", "\u2028", "%", "$", "€", "()", "1,234", "\x1a", "x" * 5000, "2025-W07", "Z", "T10:00Z"),
    *("+25:99", "(5)", "5-", "--5", "٣", "１２", "2025001", "NaT"),
]
ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp850", "cp1251", "shift-jis", "utf-8-sig"]


def broken(rng: random.Random) -> bytes:
    """A table with something inserted, left out, repeated, written in another encoding, or cut."""
    text = list(TEXT)
    for _ in range(rng.randint(0, 6)):
        at, how = rng.randrange(len(text)), rng.random()
        if how < 0.5:
            text.insert(at, rng.choice(TOKENS))
        elif how < 0.7:
            del text[at : at + rng.randint(1, 30)]
        elif how < 0.85:
            text[at] = chr(rng.randrange(32, 0xD800))
        else:
            text[at:at] = text[at : at + rng.randint(1, 80)]
    made = "".join(text).encode(rng.choice(ENCODINGS), errors="replace")
    made = rng.randbytes(rng.randint(0, 200)) if rng.random() < 0.1 else made
    return made[: rng.randrange(len(made) + 1)] if rng.random() < 0.2 else made


@pytest.mark.parametrize("seed", range(6))
def test_a_broken_file_gives_tables_or_a_sentence(tmp_path, seed):
    rng = random.Random(seed)
    for _ in range(50):
        (tmp_path / "sales.csv").write_bytes(broken(rng))
        try:
            assert len(SOURCES.load(f"own:{tmp_path}").tables["sales"])
        except UserError as error:
            assert str(error)


@pytest.mark.parametrize(
    "encoding, words",
    [
        ("cp850", "Käse Größe Müsli Brötchen Straße"),
        ("cp1251", "Молоко пастеризованное цельное"),
        ("cp1250", "Mléko čerstvé, žluté, řepa, šťáva"),
        ("cp1252", "crème brûlée"),
        ("cp1250", "Mléko Děčín Plzeň Sýr Łosoś Żółty"),
        ("cp1252", "crème Müsli jalapeño São smørrebrød 250 m³ 4 × ½"),
        ("cp1253", "Ψωμί Γάλα Θεσσαλονίκη Τυρί"),
        ("cp1254", "Ekmek Yoğurt Balık Kadıköy Beşiktaş"),
        ("cp1255", "חלב תל אביב לחם ירושלים גבינה חיפה"),
        ("cp1256", "حليب خبز القاهرة جبن"),
        ("cp1257", "Duona Pienas Sūris Panevėžys Šiauliai"),
        ("cp874", "ขนมปัง นม กรุงเทพ เชียงใหม่"),
        ("cp874", "น้ำ ข้าว ปลา ไก่ หมู ไข่ น้ำตาล กาแฟ"),
        ("cp866", "Молоко Хлеб Сыр Масло"),
        ("koi8_r", "Молоко пастеризованное Хлеб Объём МАСЛО"),
        ("koi8_u", "Молоко Хліб Київ Львів Їжа Харків"),
        ("mac_cyrillic", "Молоко пастеризованное Хлеб Яйца Щётка"),
        ("shift_jis", "牛乳 東京 パン 大阪 バター 名古屋 チーズ 札幌"),
        ("gb18030", "牛奶 面包 上海 黄油"),
        ("big5", "牛奶 麵包 高雄 奶油"),
        ("euc_kr", "우유 서울 부산 버터"),
        ("utf-16", "crème brûlée"),
        ("utf-32", "crème brûlée"),
    ],
)
def test_the_usual_encodings_are_told_apart(tmp_path, encoding, words):
    (tmp_path / "a.csv").write_bytes(("date;item;units\n" + f"2025-01-01;{words};3\n" * 20).encode(encoding))
    assert look_over(tmp_path / "a.csv")[0] == encoding


@pytest.mark.parametrize("page", ["cp1251", "cp866", "koi8_r", "koi8_u", "mac_cyrillic"])
@pytest.mark.parametrize("write", [str, str.lower, str.upper])
def test_words_of_cyrillic_letters_are_read_as_they_were_written(tmp_path, page, write):
    for words in (
        "Молоко Хлеб Сыр Масло Яйца Москва Объём Щётка",
        "Мляко Хляб Сирене София Пловдив Въглища",
        "Молоко Milk 1л Сыр Gouda №5 «Волна» Coca-Cola Хлеб МегаФон",
    ):
        text = "item;units\n" + "".join(f"{write(word)};{at}\n" for at, word in enumerate(words.split() * 3))
        written = text.encode(page, "replace")
        (tmp_path / "a.csv").write_bytes(written)
        assert written.decode(look_over(tmp_path / "a.csv")[0]) == written.decode(page), words


def test_an_encoding_that_is_named_is_taken_and_one_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "sales.csv"
    file.write_bytes(("date;item;units;price\n" + "2025-01-01;Молоко;3;2.50\n" * 20).encode("koi8_r"))
    monkeypatch.setenv("LEPTON_NB_ENCODING", "KOI8-R")
    assert look_over(file)[0] == "koi8-r"
    assert set(SOURCES.load(f"own:{tmp_path}").tables["sales"].item) == {"Молоко"}
    monkeypatch.setenv("LEPTON_NB_ENCODING", "ascii")
    with pytest.raises(UserError, match="sales.csv.* is not all ascii, which LEPTON_NB_ENCODING names"):
        SOURCES.load(f"own:{tmp_path}")
    monkeypatch.setenv("LEPTON_NB_ENCODING", "klingon")
    with pytest.raises(UserError, match="LEPTON_NB_ENCODING is 'klingon'"):
        SOURCES.load(f"own:{tmp_path}")


def test_what_is_no_plain_file_is_named_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "sales.csv")
    with pytest.raises(UserError, match="is not a plain file"):
        read_folder(CONTRACT, tmp_path)
    (tmp_path / "sales.csv").unlink()
    (tmp_path / "sales.csv").symlink_to(tmp_path / "sales.csv")
    with pytest.raises(UserError, match="sales.csv"):
        read_folder(CONTRACT, tmp_path)
