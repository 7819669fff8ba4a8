"""libfold's decoder by ctypes: what scores a model is what serves it."""

import ctypes
import math

import numpy as np

from . import text


class _Note(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char * 240)]


class _Options(ctypes.Structure):
    _fields_ = [("beam", ctypes.c_uint32), ("lm_weight", ctypes.c_float), ("word_bonus", ctypes.c_float),
                ("unknown_score", ctypes.c_float), ("hotwords", ctypes.c_void_p), ("hotwords_count", ctypes.c_size_t)]


class _Word(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("start_frame", ctypes.c_uint32), ("end_frame", ctypes.c_uint32),
                ("confidence", ctypes.c_float)]


class _Result(ctypes.Structure):
    _fields_ = [("words", ctypes.POINTER(_Word)), ("words_count", ctypes.c_size_t), ("mean_logp", ctypes.c_float),
                ("blank_share", ctypes.c_float), ("stable_words", ctypes.c_size_t), ("score", ctypes.c_float)]


class Decoder:
    """One open decoder; lm None: greedy. Not for several threads at once. symbols: as in alphabet.py."""

    def __init__(self, library, lm=None, beam=0, lm_weight=-1.0, word_bonus=math.nan, unknown_score=math.nan, symbols=None):
        self._lib = ctypes.CDLL(str(library))
        for name in ("fold_lm_close", "fold_decoder_close", "fold_decoder_reset"):
            getattr(self._lib, name).restype = None
        self._lm, self._handle, note = ctypes.c_void_p(), ctypes.c_void_p(), _Note()
        if lm and self._lib.fold_lm_open(ctypes.byref(self._lm), str(lm).encode(), ctypes.byref(note)):
            raise SystemExit(note.text.decode())
        symbols = symbols or text.VOCAB
        vocab = (ctypes.c_char_p * len(symbols))(*(v.encode() for v in symbols))
        self._keep = vocab
        options = _Options(beam, lm_weight, word_bonus, unknown_score, None, 0)
        err = self._lib.ctc_decoder_open_vocab(ctypes.byref(self._handle), vocab, len(vocab), self._lm, ctypes.byref(options))
        if err:
            raise ValueError(f"ctc_decoder_open_vocab: {err}")

    def decode(self, logp):
        """logp [T, V] float32 -> text in normal form."""
        logp = np.ascontiguousarray(logp, dtype=np.float32)
        self._lib.fold_decoder_reset(self._handle)
        result = _Result()
        err = self._lib.fold_decoder_push(self._handle, logp.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(logp)))
        err = err or self._lib.fold_decoder_result(self._handle, ctypes.byref(result))
        if err:
            raise RuntimeError(f"libfold: {err}")
        return text.normalise(" ".join(result.words[i].text.decode() for i in range(result.words_count)))

    def close(self):
        self._lib.fold_decoder_close(self._handle)
        self._lib.fold_lm_close(self._lm)
