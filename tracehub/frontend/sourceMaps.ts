import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Puts source maps, of scripts and of styles, where no web server looks: beside the folder of what is served, each with a copy of
 * what it is of. Whoever reads reports of errors finds the map by the id in the last line of a script.
 */
export function sourceMaps(): Plugin {
  let served = ''
  return {
    name: 'source-maps',
    apply: 'build',
    configResolved({ root, build }) {
      served = resolve(root, build.outDir)
    },
    async writeBundle() {
      const kept = `${served}-maps`
      await rm(kept, { recursive: true, force: true })
      for (const map of await readdir(served, { recursive: true })) {
        if (!/\.(js|css)\.map$/.test(map)) continue
        const script = map.slice(0, -'.map'.length)
        await mkdir(join(kept, dirname(map)), { recursive: true })
        await rename(join(served, map), join(kept, map))
        await copyFile(join(served, script), join(kept, script))
      }
    },
  }
}
