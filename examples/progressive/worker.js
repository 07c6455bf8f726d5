// Decodes prefixes of HTJ2K codestreams: OpenJPH, built for browsers by Cornerstone.
importScripts("openjphjs.js");
const codec = Module();

onmessage = async ({ data: { ticket, bytes, reduce, signed } }) => {
  const decoder = new (await codec).HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decodeSubResolution(reduce);
    const { width, height, bitsPerSample } = decoder.getFrameInfo();
    const [cols, rows] = [width, height].map((side) => Math.ceil(side / 2 ** reduce));
    const Samples = bitsPerSample <= 8 ? Uint8Array : signed ? Int16Array : Uint16Array;
    const out = decoder.getDecodedBuffer(); // memory of the decoder: copied
    const samples = new Samples(out.buffer.slice(out.byteOffset, out.byteOffset + out.byteLength));
    postMessage({ ticket, samples, rows, cols }, [samples.buffer]);
  } catch (error) {
    postMessage({ ticket, error: String(error) });
  } finally {
    decoder.delete();
  }
};
