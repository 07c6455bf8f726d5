// node node_decode.js <folder of a package>; lines "<codestream> <samples> <halvings>" on standard
// input. Decodes each by Cornerstone's build of OpenJPH or OpenJPEG and prints what it says of the frame.
const fs = require("fs");

async function main(folder) {
  const ht = folder.endsWith("codec-openjph");
  const script = ht ? "openjphjs.js" : "openjpegwasm_decode.js";
  const codec = await require(`${folder}/dist/${script}`)();
  for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const [from, to, reduce] = line.split(" ");
    const data = fs.readFileSync(from);
    const decoder = ht ? new codec.HTJ2KDecoder() : new codec.J2KDecoder();
    decoder.getEncodedBuffer(data.length).set(data);
    decoder.decodeSubResolution(Number(reduce), 0);
    fs.writeFileSync(to, decoder.getDecodedBuffer());
    console.log(`frame ${JSON.stringify(decoder.getFrameInfo())}`);
    decoder.delete();
  }
}

main(process.argv[2]);
