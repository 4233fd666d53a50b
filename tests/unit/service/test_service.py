from __future__ import annotations

import asyncio
import threading
import time
import wave
from io import BytesIO
from pathlib import Path

import pytest

from portevoix.errors import EngineFailed
from portevoix.service import TTSModel, TTSService, check_license_compliance, describe_model
from tests.hub import Fault, answers, hub
from tests.recording_files import voice, wav
from tests.scripted import fails
from tests.translator import app_in, model_kind, put, serving

CHATTERBOX = {"ve.safetensors": b"v", "t3_cfg.safetensors": b"t" * 300_000, "s3gen.safetensors": b"s",
              "tokenizer.json": b"{}", "conds.pt": b"c", "config.json": b"{}"}  # fmt: skip
REPOSITORY = "ResembleAI/chatterbox"


def chatterbox(**script):
    return model_kind("chatterbox", **script)


@pytest.fixture
def marie(tmp_path: Path) -> str:
    path = tmp_path / "data" / "marie.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(voice()))
    return str(path)


class TestInitialize:
    async def test_without_packages_it_is_false_at_once_and_names_the_command(self, tmp_path, caplog):
        began = time.perf_counter()
        async with serving(app_in(tmp_path, chatterbox(has_packages=False)), tmp_path) as service:
            assert await service.initialize() is False
            assert time.perf_counter() - began < 1
            assert "portevoix engines install chatterbox" in service.model_manager.error.hint
            (record,) = [one for one in caplog.records if one.message.startswith("service.no_model: ")]
            assert service.model_manager.error.hint in record.message
            assert await service.model_manager.get_available_backends() == []

    async def test_without_any_engine_it_is_false_and_names_the_command(self, tmp_path):
        async with serving(app_in(tmp_path), tmp_path) as service:
            assert await service.initialize(TTSModel.XTTS_V2) is False
            assert "portevoix engines install xtts_v2" in service.model_manager.error.hint

    async def test_without_a_model_and_a_network_it_is_false_within_a_second(self, tmp_path):
        async with serving(app_in(tmp_path, chatterbox()), tmp_path) as service:
            began = time.perf_counter()
            is_ready = await service.initialize()
            assert time.perf_counter() - began < 30
            if is_ready:  # the machine was too busy to fail at once; who waits is told
                with pytest.raises(Exception, match="not reachable"):
                    await service.model_manager.wait_for_model_ready(30)
            assert service.model_manager.error.code == "hub_unreachable"

    async def test_offline_it_is_false_at_once(self, tmp_path):
        async with serving(app_in(tmp_path, chatterbox(), offline=True), tmp_path) as service:
            assert await service.initialize() is False
            assert service.model_manager.error.code == "offline_not_cached"

    async def test_a_licence_that_nobody_accepted_is_a_reason(self, tmp_path):
        async with serving(app_in(tmp_path, model_kind("xtts_v2")), tmp_path) as service:
            assert await service.initialize("xtts_v2") is False
            assert service.model_manager.error.code == "licence_not_accepted"
            assert "--accept-licence" in service.model_manager.error.hint

    async def test_a_full_disk_is_a_reason_before_anything_is_asked(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY) as one:
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                service.model_manager.MIN_DISK_SPACE_GB = 1e9
                assert await service.initialize() is False
                assert service.model_manager.error.code == "disk_full"
                assert not service.model_manager.can_download_model(TTSModel.CHATTERBOX)
            assert not one.requests

    async def test_a_model_that_is_here_is_loaded(self, tmp_path):
        put(tmp_path, "chatterbox")
        async with serving(app_in(tmp_path, chatterbox(load_seconds=0.01)), tmp_path) as service:
            assert not service.is_ready
            assert await service.initialize() is True
            assert service.is_ready
            assert service.model_manager.active_model is TTSModel.CHATTERBOX

    async def test_another_model_that_is_here_speaks_where_the_wanted_one_cannot(self, tmp_path):
        put(tmp_path, "vits")
        kinds = model_kind("xtts_v2", has_packages=False), model_kind("vits"), chatterbox(has_packages=False)
        async with serving(app_in(tmp_path, *kinds, offline=True), tmp_path) as service:
            assert await service.initialize(TTSModel.XTTS_V2) is True
            assert service.model_manager.active_model is TTSModel.VITS

    async def test_a_model_that_breaks_is_passed_over(self, tmp_path):
        put(tmp_path, "chatterbox", "vits")
        broken = chatterbox(load_error=EngineFailed("it is broken"))
        async with serving(app_in(tmp_path, broken, model_kind("vits"), offline=True), tmp_path) as service:
            assert await service.initialize() is True
            assert service.model_manager.active_model is TTSModel.VITS

    async def test_many_who_ask_get_one_answer(self, tmp_path):
        put(tmp_path, "chatterbox")
        engine = chatterbox(load_seconds=0.02)
        async with serving(app_in(tmp_path, engine), tmp_path) as service:
            assert await asyncio.gather(*(service.initialize() for _ in range(20))) == [True] * 20
            assert await service.initialize() is True

    async def test_many_who_ask_in_vain_get_one_answer(self, tmp_path, caplog):
        async with serving(app_in(tmp_path, chatterbox()), tmp_path) as service:
            answers = await asyncio.gather(*(service.initialize() for _ in range(20)))
            assert len(set(answers)) == 1
            given_up = [one for one in caplog.records if one.message.startswith("service.no_model")]
            assert len(given_up) == answers.count(False) // 20

    async def test_a_model_on_its_way_is_soon(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY, goes_on=threading.Event(), holds_after=100_000) as one:
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                assert await service.initialize() is True
                assert not service.is_ready
                assert await service.model_manager.wait_for_download_start(30)
                assert service.model_manager.backends[TTSModel.CHATTERBOX].is_downloading
                waiting = asyncio.create_task(service.model_manager.wait_for_model_ready(60))
                one.goes_on.set()
                assert await waiting
                assert service.is_ready
                status = (await service.get_all_models_status())["chatterbox"]
                assert (status.is_available, status.is_downloaded, status.is_loaded) == (True, True, True)
                assert (status.is_downloading, status.download_progress, status.error) == (False, 100.0, None)


class TestWaiting:
    async def test_who_waits_is_released_the_moment_a_fetch_fails(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY, goes_on=threading.Event(), holds_after=100_000) as one:
            one.faults, one.stays = [Fault("hang")], True
            app = app_in(tmp_path, chatterbox(), url=one.url, stall_timeout_seconds=2)
            async with serving(app, tmp_path) as service:
                assert await service.initialize()
                ended: list[float] = []
                loop = asyncio.get_running_loop()
                service.app.library.downloads.listeners.append(
                    lambda progress: ended.append(loop.time()) if progress.has_ended else None
                )
                waiting = [asyncio.create_task(service.model_manager.wait_for_model_ready(60)) for _ in range(10)]
                await asyncio.wait(waiting, return_when=asyncio.ALL_COMPLETED)
                released = loop.time()
        assert {type(task.exception()).code for task in waiting} == {"download_stalled"}
        assert released - ended[-1] < 0.5  # 50 ms on a quiet machine

    async def test_a_wait_can_be_cancelled_and_leaves_the_fetch(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY, goes_on=threading.Event(), holds_after=100_000) as one:
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                assert await service.initialize()
                waiting = asyncio.create_task(service.synthesize("Bonjour", "fr", "wav", model="chatterbox"))
                await service.model_manager.wait_for_download_start(30)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                one.goes_on.set()
                assert await service.model_manager.wait_for_model_ready(60)

    async def test_a_wait_has_an_end(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY, goes_on=threading.Event(), holds_after=100_000) as one:
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                assert await service.initialize()
                with pytest.raises(TimeoutError):
                    await service.model_manager.wait_for_model_ready(0.01)
                result = await service.synthesize("Bonjour", "fr", "wav", model="chatterbox", max_wait_seconds=0.01)
                one.goes_on.set()
        assert (result.success, result.engine_used, result.is_degraded) == (True, "sapi_french", True)
        assert "not ready yet" in result.why_degraded

    async def test_a_request_for_a_model_fetches_it_and_is_spoken_by_it(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY) as one:
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                result = await service.synthesize("Bonjour", "en", "wav", model=TTSModel.CHATTERBOX)
        assert (result.success, result.model_used, result.is_degraded) == (True, TTSModel.CHATTERBOX, False), result

    async def test_a_request_whose_fetch_fails_is_spoken_by_another_and_says_why(self, tmp_path):
        with hub(dict(CHATTERBOX), repository=REPOSITORY) as one:
            one.listing_faults = [answers(403, "GatedRepo")]
            async with serving(app_in(tmp_path, chatterbox(), url=one.url), tmp_path) as service:
                result = await service.synthesize("Bonjour", "fr", "wav", model="chatterbox")
        assert (result.success, result.engine_used, result.model_used) == (True, "sapi_french", None)
        assert "accepted its terms" in result.why_degraded


BAD = {
    "empty": ({"text": " "}, "empty_text"),
    "emoji": ({"text": "🙂🙂"}, "nothing_to_say"),
    "format": ({"output_format": "tiff"}, "format_not_supported"),
    "model": ({"model": "espeak"}, "invalid_parameter"),
    "language": ({"target_language": "xx"}, "language_not_supported"),
    "parameter": ({"cloning_params": {"volume": 1}}, "invalid_parameter"),
    "value": ({"cloning_params": {"exaggeration": "much"}}, "invalid_parameter"),
    "missing": ({"speaker_audio_path": "missing.wav"}, "reference_missing"),
    "outside": ({"speaker_audio_path": "/etc/passwd"}, "not_allowed"),
}


class TestSpeaking:
    async def test_a_voice_is_borrowed_from_a_recording(self, tmp_path, marie):
        put(tmp_path, "chatterbox")
        engine = chatterbox()
        async with serving(app_in(tmp_path, engine), tmp_path) as service:
            await service.initialize()
            result = await service.synthesize_with_voice(
                "Bonjour à tous", marie, "fr", "wav", "message-7", cloning_params={"exaggeration": 0.8}
            )
        assert (result.success, result.voice_cloned, result.is_degraded, result.error) == (True, True, False, None)
        assert result.model_used is TTSModel.CHATTERBOX
        assert (result.engine_used, result.voice_used) == ("chatterbox", "chatterbox")
        assert (result.language, result.format, result.message_id, result.text_length) == ("fr", "wav", "message-7", 14)
        assert result.model_info.license == "MIT"
        assert result.audio_path == str(tmp_path / "out" / "translated" / "message-7_fr.wav")
        assert result.audio_url == "translated/message-7_fr.wav"
        with wave.open(BytesIO(result.audio_data)) as file:
            assert result.duration_ms == pytest.approx(1000 * file.getnframes() / file.getframerate(), abs=1)
        (asked,) = engine.made[-1].asked
        assert asked.parameters == (("exaggeration", 0.8),)
        assert asked.reference.digest

    @pytest.mark.parametrize("recording", [None, ""])
    async def test_what_a_program_leaves_open_is_left_open(self, tmp_path, recording):
        put(tmp_path, "chatterbox")
        async with serving(app_in(tmp_path, chatterbox()), tmp_path) as service:
            await service.initialize()
            open_ones = {"exaggeration": None}
            result = await service.synthesize_with_voice("Bonjour", recording, "fr", "WAV", cloning_params=open_ones)
        assert (result.success, result.engine_used, result.voice_cloned) == (True, "chatterbox", False)
        assert (result.format, Path(result.audio_path).suffix) == ("wav", ".wav")

    async def test_a_stored_voice_goes_by_its_name(self, tmp_path, marie):
        from portevoix.references.shelf import Consent

        put(tmp_path, "chatterbox")
        async with serving(app_in(tmp_path, chatterbox()), tmp_path) as service:
            service.app.shelf.create("Marie", await service.app.recordings.check(marie), Consent("yes"))
            result = await service.synthesize_with_voice("Bonjour", "Marie", "fr", "wav", model="chatterbox")
        assert result.voice_cloned

    async def test_where_nobody_clones_another_voice_speaks_and_says_so(self, tmp_path, marie):
        async with serving(app_in(tmp_path, chatterbox(has_packages=False)), tmp_path) as service:
            assert not await service.initialize()
            result = await service.synthesize_with_voice("Bonjour", marie, "fr", "wav")
        assert (result.success, result.voice_cloned, result.engine_used) == (True, False, "sapi_french")
        assert result.is_degraded
        assert "portevoix engines install chatterbox" in result.why_degraded

    async def test_a_model_that_fails_is_replaced_and_the_result_says_so(self, tmp_path):
        put(tmp_path, "chatterbox")
        async with serving(app_in(tmp_path, chatterbox(fault=fails())), tmp_path) as service:
            await service.initialize()
            result = await service.synthesize("Bonjour", "fr", "mp3", model="chatterbox")
        assert (result.success, result.engine_used, result.is_degraded) == (True, "sapi_french", True)
        assert "chatterbox broke" in result.why_degraded
        assert result.audio_mime_type == "audio/mpeg"
        assert result.audio_data_base64

    async def test_who_was_asked_for_may_be_late_and_speaks_all_the_same(self, tmp_path, marie):
        put(tmp_path, "chatterbox")
        slow = chatterbox(first_word_seconds=0.9, target_latency_ms=100.0)
        async with serving(app_in(tmp_path, slow), tmp_path) as service:
            await service.initialize()
            cloned = await service.synthesize_with_voice("Bonjour", marie, "fr", "wav")
            named = await service.synthesize("Bonjour", "fr", "wav", model="chatterbox")
            any_will_do = await service.synthesize("Bonjour encore", "fr", "wav")
        assert (cloned.voice_cloned, named.engine_used, any_will_do.engine_used) == (True, "chatterbox", "sapi_french")

    async def test_models_are_switched_under_load_and_no_request_is_lost(self, tmp_path):
        put(tmp_path, "chatterbox", "vits")
        kinds = [model_kind(name, seconds_per_word=0.001, load_seconds=0.01) for name in ("chatterbox", "vits")]
        async with serving(app_in(tmp_path, *kinds), tmp_path) as service:
            await service.initialize()

            async def ask(number):
                return await service.synthesize(f"Bonjour numéro {number}", "fr", "wav", message_id=str(number))

            asking = [asyncio.create_task(ask(number)) for number in range(60)]
            for model in ("vits", "chatterbox", "vits") * 3:
                assert await service.switch_model(model)
                await asyncio.sleep(0)
            results = await asyncio.gather(*asking)
        assert all(result.success and not result.is_degraded for result in results)
        assert {result.model_used for result in results} <= {TTSModel.CHATTERBOX, TTSModel.VITS}
        assert service.requested_model is TTSModel.VITS

    @pytest.mark.parametrize("message_id", ["../../etc/passwd", "a/b", "", "C:\\x", "é" * 300, "a\0b"])
    async def test_a_message_id_leads_nowhere_else(self, tmp_path, message_id):
        async with serving(app_in(tmp_path), tmp_path) as service:
            result = await service.synthesize("Bonjour", "fr", "wav", message_id=message_id)
        assert result.success
        assert result.message_id == message_id
        assert Path(result.audio_path).parent == tmp_path / "out" / "translated"

    @pytest.mark.parametrize("name", BAD)
    async def test_bad_input_is_told_before_anything_is_loaded(self, tmp_path, name, monkeypatch):
        monkeypatch.chdir(tmp_path)
        put(tmp_path, "chatterbox")
        engine = chatterbox(load_error=AssertionError("it must not be loaded"))
        wishes, code = BAD[name]
        usual = {"text": "Bonjour", "speaker_audio_path": None, "target_language": "fr", "model": "chatterbox"}
        async with serving(app_in(tmp_path, engine), tmp_path) as service:
            result = await service.synthesize_with_voice(**{**usual, **wishes})
        assert (result.success, result.error_code) == (False, code), result
        assert result.error
        assert not (tmp_path / "out").exists()

    async def test_silence_is_no_success(self, tmp_path):
        from tests.translator import SYSTEM

        async with serving(app_in(tmp_path), tmp_path) as service:
            SYSTEM.made[-1].fault = fails()
            result = await service.synthesize("Bonjour", "fr")
        assert (result.success, result.error_code) == (False, "no_engine_could_speak")


def test_models_go_by_the_names_that_programs_know():
    assert TTSModel("chatterbox-turbo") is TTSModel("CHATTERBOX_TURBO") is TTSModel.CHATTERBOX_TURBO
    assert TTSModel.get_default() is TTSModel.get_fallback() is TTSModel.CHATTERBOX
    assert [model.value for model in TTSModel] == ["chatterbox", "chatterbox-turbo", "higgs-audio-v2", "xtts-v2", "mms",
                                                   "vits"]  # fmt: skip
    with pytest.raises(ValueError, match="espeak"):
        TTSModel("espeak")


def test_licences_are_told():
    assert check_license_compliance(TTSModel.CHATTERBOX) == (True, None)
    for model in (TTSModel.XTTS_V2, TTSModel.MMS, TTSModel.HIGGS_AUDIO_V2):
        is_free, warning = check_license_compliance(model)
        assert not is_free
        assert warning
    info = describe_model(TTSModel.CHATTERBOX)
    assert "fr" in info.languages
    assert info.can_clone
    assert info.model_size_gb == pytest.approx(3.2)


async def test_the_environment_sets_what_a_program_leaves_open(tmp_path, monkeypatch):
    variables = {"TTS_MODEL": "mms", "TTS_OUTPUT_DIR": str(tmp_path / "there"), "TTS_DEFAULT_FORMAT": "wav"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = app_in(tmp_path, model_kind("mms"))
    service = TTSService(app=app)
    assert (service.requested_model, service.output_dir) == (TTSModel.MMS, tmp_path / "there")
    assert (await service.synthesize("Bonjour", "fr")).format == "wav"
    await service.close()
    await app.aclose()


async def test_a_program_needs_no_more_than_its_name(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    began = time.perf_counter()
    async with TTSService(output_dir=str(tmp_path / "out"), device="cpu") as service:
        assert not service.is_initialized
        assert time.perf_counter() - began < 10
        assert "portevoix engines install chatterbox" in service.model_manager.error.hint
        result = await service.synthesize_with_voice("Bonjour", None, "fr", output_format="wav")
    assert result.success
    assert result.is_degraded
