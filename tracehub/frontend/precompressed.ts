import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const KINDS = ['.css', '.html', '.js', '.svg']

/** Puts beside each file of text what the web server sends instead of it: as small as it gets, and made once. */
export function precompressed(): Plugin {
  let folder = ''
  return {
    name: 'precompressed',
    apply: 'build',
    configResolved({ root, build }) {
      folder = resolve(root, build.outDir)
    },
    async closeBundle() {
      for (const file of await readdir(folder, { recursive: true })) {
        const path = join(folder, file)
        if (!KINDS.includes(extname(path)) || !(await stat(path)).isFile()) continue
        const text = await readFile(path)
        await writeFile(`${path}.br`, brotliCompressSync(text))
        await writeFile(`${path}.gz`, gzipSync(text, { level: 9 }))
      }
    },
  }
}
