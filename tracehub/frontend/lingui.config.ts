import type { LinguiConfig } from '@lingui/conf'
import { formatter } from '@lingui/format-po'

/** Which languages there are, and where their catalogues lie; `npm run translations` writes into them what the page says. */
export default {
  locales: ['en', 'fr'],
  sourceLocale: 'en',
  catalogs: [
    { path: '<rootDir>/src/locales/{locale}', include: ['src'], exclude: ['**/*.test.*'] },
  ],
  // In the order of the sentences and without where they are used: two people who add some rarely meet in one line.
  format: formatter({ origins: false }),
} satisfies LinguiConfig
