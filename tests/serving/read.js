// In the page: read every sample with every weights and prior; arguments are weights -> names, and how to read.
const [plan, options, done] = arguments;

async function all() {
  const { BrowserReader } = await import("/page/js/reader.js");
  const { decode } = await import("/page/js/image.js");
  const reader = await BrowserReader.open();
  const predictions = [];
  for (const [weights, names] of Object.entries(plan)) {
    for (const source of names) {
      const file = await (await fetch(`/samples/${source}`)).blob();
      for (const prior of ["natural", "uniform"]) {
        const prediction = await reader.read(await decode(file), { ...options, weights, source, prior });
        predictions.push([weights, prior, prediction]);
      }
    }
  }
  reader.close();
  return predictions;
}

all().then(done, (error) => done(String(error.stack ?? error)));
