import { transformAsync } from '@babel/core'
import type { Plugin } from 'vite'

// Lingui compiles its configuration each time it is read: where a build runs, nothing may be left for the next time.
process.env.JITI_FS_CACHE = 'false'

/**
 * Lingui's macros: what the page says becomes the name of a sentence in a catalogue. Only files that use them are read
 * by Babel, which leaves types and JSX to the compiler of all the others.
 */
export const linguiMacros: Plugin = {
  name: 'lingui-macros',
  enforce: 'pre',
  transform: {
    filter: { id: /\/src\/.*\.tsx?$/, code: /@lingui\/(core|react)\/macro/ },
    async handler(code, filename) {
      const result = await transformAsync(code, {
        filename,
        babelrc: false,
        configFile: false,
        sourceMaps: true,
        parserOpts: { plugins: ['typescript', 'jsx'] },
        plugins: ['@lingui/babel-plugin-lingui-macro'],
      })
      return { code: result!.code!, map: result!.map }
    },
  },
}
