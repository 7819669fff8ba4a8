/* Samples of every channel, interleaved in 16 bits, a tenth of a second at a time. Runs on the audio thread. */
class Samples extends AudioWorkletProcessor {
  constructor({ processorOptions: { channels } }) {
    super();
    this.channels = channels;
    this.frames = Math.round(sampleRate / 10);
    this.fresh();
  }

  fresh() {
    this.out = new Int16Array(this.frames * this.channels);
    this.at = 0;
    this.peaks = new Float32Array(this.channels);
  }

  process([input]) {
    const count = input.length ? input[0].length : 128; // no input: a source that is silent is not connected
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < this.channels; c++) {
        const x = Math.max(-1, Math.min(1, input[Math.min(c, input.length - 1)]?.[i] ?? 0));
        this.peaks[c] = Math.max(this.peaks[c], Math.abs(x));
        this.out[this.at * this.channels + c] = Math.round(32767 * x);
      }
      if (++this.at === this.frames) {
        const { out, peaks } = this;
        this.port.postMessage({ pcm: out, peaks }, [out.buffer]);
        this.fresh();
      }
    }
    return true;
  }
}
registerProcessor("samples", Samples);
