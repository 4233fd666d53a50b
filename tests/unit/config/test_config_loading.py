from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from portevoix.config import Loaded, Origin, Settings, find_file, load, load_content
from portevoix.config.document import MAX_BYTES, MAX_DEPTH, SINGLE_QUOTES
from portevoix.errors import ConfigError
from portevoix.registry import built_in_engines
from tests.unit.config.configurable_engines import ENGINES, PiperOptions, SystemOptions

FIXTURES = Path("tests/fixtures/config")
HOME = {"HOME": "/home-of-test"}
BACKSLASH = "a backslash in double quotes begins an escape that YAML does not know"


@pytest.fixture
def write(tmp_path):
    def put(content: str | bytes) -> Path:
        path = tmp_path / "tts.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


@pytest.fixture
def told(write):
    """Return the problems of a text, without the path before them."""

    def tell(content: str | bytes) -> list[str]:
        path = write(content)
        return [str(problem).removeprefix(str(path)) for problem in load(path, HOME, ENGINES).problems]

    return tell


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_file_gives_the_defaults(elsewhere):
    loaded = load(None, {**HOME, "XDG_CONFIG_HOME": str(elsewhere)}, ENGINES)
    plain = Settings()
    for item in fields(Settings):
        if item.default is not MISSING or item.name.startswith(("cache", "circuit", "mon", "adv", "feature", "server")):
            assert getattr(loaded.settings, item.name) == getattr(plain, item.name) or item.name == "cache_folder"
    assert loaded.problems == ()
    assert loaded.path is None
    assert dict(loaded.origins) == {}


def test_every_installed_engine_has_settings_even_if_nothing_is_written(elsewhere):
    backends = load(None, {**HOME, "XDG_CONFIG_HOME": str(elsewhere)}, ENGINES).settings.backends
    assert list(backends) == list(ENGINES)
    piper = backends["piper_native"]
    assert (piper.enabled, piper.priority, piper.target_latency_ms) == (True, 10, 120.0)
    assert piper.options == PiperOptions()


def test_the_layout_of_the_first_generation_loads_with_its_windows_paths():
    loaded = load(FIXTURES / "legacy.yaml", HOME, ENGINES).or_raise()
    backends = loaded.settings.backends
    assert backends["piper_native"].options == PiperOptions(
        "cuda:0", Path(r"voices\fr_FR-siwis-medium.onnx"), Path(r"D:\voices\fr_FR-siwis-medium.onnx.json"), 0
    )
    assert backends["piper_cli"].options.executable_path == Path(r"C:\Program Files\Piper\piper.exe")
    assert backends["piper_cli"].options.model_path == Path(r"C:\temp\new voices\fr_FR-siwis-medium.onnx")
    assert backends["sapi_french"].options == SystemOptions("Microsoft Hortense Desktop", 0, 100)
    assert loaded.settings.monitoring.prometheus_enabled
    assert [(problem.line, problem.severity) for problem in loaded.problems] == [(16, "warning")]


def test_every_problem_is_told_at_once_with_its_line_and_key():
    path = FIXTURES / "broken.yaml"
    problems = load(path, HOME, ENGINES).problems
    assert [f"{problem}" for problem in problems] == [
        f"{path}:{line}"
        for line in (FIXTURES / "broken.expected.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]


def test_what_is_wrong_has_its_default_and_the_rest_is_in_force():
    settings = load(FIXTURES / "broken.yaml", HOME, ENGINES).settings
    assert settings.cache.max_size_mb == 100
    assert settings.voices == {"alloy": "fr_FR-siwis-medium", "nova": {}}
    assert settings.server.port == 2


def test_errors_stop_the_start_and_carry_printable_lines():
    with pytest.raises(ConfigError) as caught:
        load(FIXTURES / "broken.yaml", HOME, ENGINES).or_raise()
    lines = caught.value.problems
    assert (
        f"{FIXTURES / 'broken.yaml'}:4: backends.piper_native.target_latency_ms: "
        "expected a number in milliseconds, found 'fast'"
    ) in lines
    assert str(caught.value).startswith("the configuration has 22 errors")


def test_warnings_do_not_stop_the_start(write):
    loaded = load(write("cache: {max_siz_mb: 3}\ncolour: blue\n"), HOME, ENGINES)
    assert [problem.severity for problem in loaded.problems] == ["warning", "warning"]
    assert loaded.or_raise() is loaded


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfec\x00a\x00", ":1: the file is in UTF-16, not in UTF-8. Save it as UTF-8."),
        (b"c\x00a\x00", ":1: the file is not a text. Save it as UTF-8."),
        ("voices:\n  été: x".encode("latin-1"), ":2: byte 0xe9 is not UTF-8. Save the file as UTF-8."),
        ("cache:\n\tenabled: true", ":2: a tab stands where YAML wants spaces. Indent with spaces."),
        ("- a\n- b", ":1: expected a section of keys, found a list"),
        ("hello", ":1: expected a section of keys, found 'hello'"),
        ("a: b\x07", ":1: character 7 is not allowed. Remove it."),
        ("a: 1\n---\nb: 2", ":2: not valid YAML expected a single document in the stream: but found another document"),
        ("a: [1,\nb", ":2: not valid YAML while parsing a flow sequence: expected ',' or ']', but got '<stream end>'"),
        ("a: *nobody", ":1: not valid YAML: found undefined alias 'nobody'"),
        ("[" * (MAX_DEPTH + 1), f":1: nested deeper than {MAX_DEPTH} levels"),
        ("a: &a [*a]", f":1: nested deeper than {MAX_DEPTH} levels"),
        (r'server: {host: "\\here\share"}', f":1: {BACKSLASH}. {SINGLE_QUOTES}"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(told, content, expected):
    assert told(content) == [expected]


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", b"\xef\xbb\xbf", "cache:\n", "cache: ~\nbackends:\n"])
def test_an_empty_file_or_section_stands_for_the_defaults(told, content):
    assert told(content) == []


def test_a_byte_order_mark_is_no_part_of_the_first_key(write):
    assert load(write(b"\xef\xbb\xbfcache: {enabled: false}"), HOME, ENGINES).settings.cache.enabled is False


def test_copies_of_copies_are_bounded(told):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + last] * 10)}]\n" for last, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert told(bomb)[0].endswith("more than 20000 values. This does not look like a configuration.")


def test_a_huge_file_is_not_read(told):
    assert told(b"#" * (MAX_BYTES + 1)) == [": is larger than 256 KiB, which no configuration is. Check the path."]
    assert told(b"#" * MAX_BYTES) == []


def test_no_code_is_run(told, tmp_path):
    trap = tmp_path / "trap"
    lines = told(f"server:\n  host: !!python/object/apply:os.mkdir ['{trap}']\n  port: !!int x\n")
    assert lines == [
        ":2: server.host: the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir' is not allowed. Remove it.",
        ":3: server.port: 'x' cannot be read as int",
    ]
    assert not trap.exists()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder, "is a folder. Name a file."),
        (lambda folder: folder / "missing.yaml", "there is no such file. Check the path."),
        (lambda folder: folder / ("x" * 300), "cannot be read: "),
        (lambda folder: folder / "nul\0", "cannot be read: "),
    ],
)
def test_a_path_that_leads_nowhere_says_so(tmp_path, make, expected):
    path = make(tmp_path)
    (problem,) = load(path, HOME, ENGINES).problems
    assert str(problem).startswith(f"{path}: {expected}")


def test_anchors_and_merges_work(write):
    text = "base: &base {device: cpu}\nbackends:\n  piper_native: {<<: *base, speaker_id: 3}\n"
    options = load(write(text), HOME, ENGINES).settings.backends["piper_native"].options
    assert options == PiperOptions(device="cpu", speaker_id=3)


def test_a_merge_of_no_section_is_an_error(told):
    assert told("cache: {<<: 3}") == [":1: cache: `<<` takes the keys of a section, and this is none"]


def test_a_key_that_is_no_word_is_an_error(told):
    assert told("cache:\n  [a]: 3\n")[0] == ":2: cache: a key must be a plain word"


def test_a_language_called_no_is_a_word_as_a_key(write):
    voices = load(write("voices: {nova: {no: nb_NO-talesyntese-medium}}"), HOME, ENGINES).settings.voices
    assert voices == {"nova": {"no": "nb_NO-talesyntese-medium"}}


def test_an_engine_that_is_not_installed_is_kept_and_told(write):
    loaded = load(write("backends:\n  xtts:\n    folder: models\n    speakers: [a, {b: 1}]\n"), HOME, ENGINES)
    assert loaded.settings.absent_backends == {"xtts": {"folder": "models", "speakers": ["a", {"b": 1}]}}
    assert "xtts" not in loaded.settings.backends
    assert [problem.message for problem in loaded.problems] == ["no usable engine of this name is installed"]


def test_an_engine_may_refuse_a_combination(told):
    assert told("backends:\n  sapi_french: {voice_name: fixed, rate: 2}\n") == [
        ":2: backends.sapi_french: the voice 'fixed' has no rate"
    ]


def test_two_servers_on_one_port_are_refused(told):
    text = "server: {port: 9090}\nmonitoring:\n  prometheus_enabled: true\n"
    assert told(text) == [":1: monitoring.prometheus_port: 9090 is also the server's port. Choose another."]
    assert told("server: {port: 9090}\n") == []
    assert told("server: {port: 0}\nmonitoring: {prometheus_enabled: true, prometheus_port: 0}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "enable_piper_native: false",
        "feature_flags: {enable_piper_native: false}",
        "backends: {piper_native: {enabled: false}}",
    ],
)
def test_each_of_three_switches_switches_piper_off(write, text):
    settings = load(write(text), HOME, ENGINES).settings
    assert not settings.enables("piper_native")
    assert settings.enables("piper_cli")
    assert not settings.enables("unheard_of")


def test_the_committed_configuration_says_the_defaults(elsewhere):
    committed = Path(__file__).parents[3] / "config" / "tts.yaml"
    environ = {**HOME, "XDG_CONFIG_HOME": str(elsewhere)}
    loaded = load(committed, environ, ENGINES)
    assert loaded.problems == ()
    assert loaded.settings == load(None, environ, ENGINES).settings


@pytest.mark.parametrize("path", [Path("config/tts.yaml"), FIXTURES / "legacy.yaml"])
def test_the_built_in_engines_know_every_key_that_is_written(path):
    problems = load(path, HOME, built_in_engines()).problems
    assert [str(problem) for problem in problems if "backslashes" not in problem.message] == []


class TestFindingTheFile:
    def test_the_variable_comes_first_even_if_its_file_is_missing(self, elsewhere):
        assert find_file({"PORTEVOIX_CONFIG": "mine.yaml"}) == Path("mine.yaml")
        loaded = load(None, {"PORTEVOIX_CONFIG": "mine.yaml"}, ENGINES)
        assert [str(problem) for problem in loaded.errors] == ["mine.yaml: there is no such file. Check the path."]

    def test_the_current_folder_comes_before_the_users(self, elsewhere):
        users = elsewhere / "xdg" / "portevoix" / "tts.yaml"
        users.parent.mkdir(parents=True)
        users.touch()
        environ = {"XDG_CONFIG_HOME": str(elsewhere / "xdg"), "PORTEVOIX_CONFIG": ""}
        assert find_file(environ) == users
        (elsewhere / "config").mkdir()
        (elsewhere / "config" / "tts.yaml").touch()
        assert find_file(environ) == Path("config/tts.yaml")

    def test_the_home_stands_in_for_the_variable(self, elsewhere):
        users = elsewhere / ".config" / "portevoix" / "tts.yaml"
        assert find_file({"HOME": str(elsewhere)}) is None
        users.parent.mkdir(parents=True)
        users.touch()
        assert find_file({"HOME": str(elsewhere)}) == users


class TestFolders:
    def test_they_follow_the_environment(self, write):
        environ = {"HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "relative"}
        settings = load(write(""), environ, ENGINES).settings
        assert settings.data_folder == Path("/d/portevoix")
        assert settings.cache_folder == Path("/h/.cache/portevoix")
        assert settings.speech_folder == Path("/h/.cache/portevoix/speech")
        assert settings.voice_folders == (Path("voices"), Path("/d/portevoix/voices"))

    def test_voices_follow_the_data_folder_and_home_is_expanded(self, write):
        settings = load(write("data_folder: ~/data\ncache: {folder: kept}"), HOME, ENGINES).settings
        assert settings.voice_folders == (Path("voices"), Path("/home-of-test/data/voices"))
        assert settings.speech_folder == Path("kept")

    def test_the_variable_for_voices_comes_before_the_file(self, write):
        path = write("voice_folders: [a]")
        loaded = load(path, {**HOME, "PORTEVOIX_VOICES": "/x:/y:"}, ENGINES)
        assert loaded.settings.voice_folders == (Path("/x"), Path("/y"), Path("a"))
        assert loaded.origins["voice_folders"] == Origin("environment", f"PORTEVOIX_VOICES, then {path}:1")
        assert loaded.problems == ()

    def test_without_a_home_the_current_folder_stands_in(self, write, elsewhere, monkeypatch):
        monkeypatch.setenv("HOME", "")
        settings = load(write(""), {}, ENGINES).settings
        assert settings.data_folder.is_absolute()

    def test_settings_made_without_a_file_have_folders_too(self):
        settings = Settings()
        assert settings.voice_folders[1] == settings.data_folder / "voices"
        assert settings.cache_folder.name == "portevoix"


def test_nothing_loaded_has_no_origins():
    assert Loaded(Settings()).origins == {}


@pytest.mark.parametrize("text", ["just words", "[1, 2]", "7"])
def test_what_is_no_section_is_refused_also_beside_variables(write, text):
    loaded = load(write(text), {**HOME, "PORTEVOIX_CACHE__ENABLED": "false"}, ENGINES)
    (problem,) = loaded.errors
    assert "expected a section of keys" in problem.message
    assert loaded.settings.cache.enabled is False


def test_a_content_is_loaded_like_a_file_under_the_name_it_is_given(write):
    text = "cache:\n  max_size_mb: 5\n  ttl_seconds: soon\n"
    loaded = load_content(text.encode(), "sent.yaml", HOME, ENGINES)
    assert loaded.settings == load(write(text), HOME, ENGINES).settings
    assert loaded.origins["cache.max_size_mb"] == Origin("file", "sent.yaml", 2)
    assert [str(problem)[:13] for problem in loaded.errors] == ["sent.yaml:3: "]
    (large,) = load_content(b"#" * (MAX_BYTES + 1), "sent.yaml", HOME, ENGINES).errors
    assert "larger than" in large.message
