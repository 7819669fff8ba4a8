"""libfold for trainers: it hears faster than PyTorch, by how much depends on the CPU, and in the precision that is served."""

import ctypes

import numpy as np

from . import data


class Engine:
    """A run of libfold over utterances of up to longest_s. One thread at a time."""

    def __init__(self, library, seed, longest_s):
        self.lib, self.model, self.run = ctypes.CDLL(str(library)), ctypes.c_void_p(), ctypes.c_void_p()
        self.lib.fold_frames.restype = ctypes.c_size_t
        self.lib.fold_run_x.restype = ctypes.POINTER(ctypes.c_float)
        note = ctypes.create_string_buffer(240)
        if self.lib.fold_model_open(ctypes.byref(self.model), str(seed).encode(), note):
            raise SystemExit(note.value.decode())
        self._ask(self.lib.fold_run_open(ctypes.byref(self.run), self.model, ctypes.c_size_t(int(longest_s * data.RATE))))

    @staticmethod
    def _ask(err):
        if err:
            raise RuntimeError(f"libfold: {err}")

    def _begin(self, wave):
        """-> frames of wave [N] float32, which becomes what is heard."""
        wave = np.ascontiguousarray(wave, np.float32)
        self._ask(self.lib.fold_run_begin(self.run, wave.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(wave))))
        return self.lib.fold_frames(self.model, ctypes.c_size_t(len(wave)))

    def hear(self, wave):
        """wave [N] float32 -> log-probabilities [T, V] of the deepest exit."""
        logp = np.empty((self._begin(wave), len(data.text.VOCAB)), np.float32)
        while self.lib.fold_run_unfold(self.run) == 0:
            pass
        self._ask(self.lib.fold_run_exit(self.run, logp.ctypes.data_as(ctypes.c_void_p)))
        return logp

    def features(self, wave, d):
        """wave [N] float32 -> what every unfold makes of it, from the first on: a list of [T, d]."""
        frames, exits = self._begin(wave), []
        while self.lib.fold_run_unfold(self.run) == 0:
            exits.append(np.ctypeslib.as_array(self.lib.fold_run_x(self.run), (frames, d)).copy())
        return exits
