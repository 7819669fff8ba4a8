"""Sounds that nobody speaks in: made by sox, as one may hear them on a line. No words may come of them."""

import asyncio

import openai
import pytest

import harness
import live

RATE = ["-n", "-t", "s16", "-r", harness.RATE, "-c", 1, "-"]

SOUNDS = {
    "white noise": ["synth", 8, "whitenoise", "vol", 0.3],
    "pink noise": ["synth", 8, "pinknoise", "vol", 0.5],
    "brown noise": ["synth", 8, "brownnoise", "vol", 0.7],
    "noise in pulses": ["synth", 8, "whitenoise", "vol", 0.3, "tremolo", 2, 90],
    "wind": ["synth", 10, "pinknoise", "vol", 0.5, "tremolo", 0.4, 80],
    "mains hum": ["synth", 8, "square", 50, "vol", 0.2],
    "a tone": ["synth", 6, "sine", 440, "vol", 0.3],
    "a sweep": ["synth", 8, "sine", "100-3000", "vol", 0.3],
    "a ringing telephone": ["synth", 1.5, "sine", 440, "synth", 1.5, "sine", "mix", 480, "pad", 0, 2, "repeat", 2, "vol", 0.4],
    "dialling": ["synth", 0.2, "sine", 697, "synth", 0.2, "sine", "mix", 1209, "vol", 0.4, "pad", 0, 0.15, "repeat", 15],
    "clicks": ["synth", 0.01, "whitenoise", "vol", 0.9, "pad", 0, 0.8, "repeat", 8],
    "drums": ["synth", 0.12, "pinknoise", "fade", 0, 0.12, 0.1, "vol", 0.8, "pad", 0, 0.38, "repeat", 15],
}


def make(effects):
    return harness.sox(*RATE, *effects)


def melody():
    notes = ["G3", "A3", "B3", "D4", "E4", "G4", "E4", "D4", "B3", "A3", "G3", "D3"]
    return b"".join(make(["synth", 0.5, "pluck", note, "vol", 0.5]) for note in notes)


def chords():
    return b"".join(make(["synth", 1.2, "triangle", f, "synth", 1.2, "square", "mix", 2 * f, "fade", 0.05, 1.2, 0.5,
                          "vol", 0.3]) for f in (196, 262, 330, 392, 294, 349))


def text(daemon, pcm):
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="any", max_retries=0)
    return client.audio.transcriptions.create(model="foldscribe", file=("sound.wav", harness.wav(pcm))).text


@pytest.mark.parametrize("sound", SOUNDS)
def test_a_sound_is_no_words(daemon, sound):
    assert text(daemon, make(SOUNDS[sound])) == ""


def test_music_is_no_words(daemon):
    assert text(daemon, melody()) == "" and text(daemon, chords()) == ""


def test_music_is_no_words_live_either(daemon):
    heard = asyncio.run(live.stream(daemon, melody() + chords(), pace=50))
    assert heard.close[0] == 1000 and not heard.words()


def test_a_voice_is_heard_through_noise(daemon, clip):
    noisy = harness.sox("-m", clip.path, "|sox -n -r 16000 -p synth 30 pinknoise vol 0.02", "-t", "s16", "-r",
                        harness.RATE, "-c", 1, "-", "trim", 0, clip.seconds())
    assert harness.word_error_rate([(clip.text, text(daemon, noisy))]) < 0.7
