import js from '@eslint/js'
import jsxA11y from 'eslint-plugin-jsx-a11y'
import lingui from 'eslint-plugin-lingui'
import reactHooks from 'eslint-plugin-react-hooks'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

export default defineConfig(
  globalIgnores([
    'dist',
    'dist-maps',
    'coverage',
    'browser-tests/results',
    'page-tests/results',
    'src/api/schema.ts',
  ]),
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [
      tseslint.configs.recommendedTypeChecked,
      reactHooks.configs.flat['recommended-latest'],
      jsxA11y.flatConfigs.recommended,
    ],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // The router's `redirect` and `notFound` are thrown, and are not errors.
      '@typescript-eslint/only-throw-error': 'off',
      // An async handler on an event attribute is fine: what it awaits reports its own failures.
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } },
      ],
    },
  },
  {
    // What people read is in the catalogues, in each language.
    files: ['src/**/*.tsx'],
    ignores: ['src/test/**', 'src/**/*.test.tsx'],
    plugins: { lingui },
    rules: {
      'lingui/no-unlocalized-strings': [
        'error',
        {
          useTsTypes: true,
          // A sentence has a capital, or two words; what else stands in the code is for programs.
          ignore: [
            '^[^A-Z\\s]+$',
            '^ · TraceHub$',
            '^TraceHub$',
            '^MSC Ada$',
            '^[A-Z0-9-]+$',
            '^\\S*[/.:(][\\S ]*$',
          ],
          ignoreNames: [
            'className',
            'd',
            'viewBox',
            'transform',
            'preserveAspectRatio',
            'what',
            { regex: { pattern: '^[A-Z_]+$' } },
          ],
          ignoreFunctions: ['console.*', 'Error', 'lazyRouteComponent', '*.subscribe'],
        },
      ],
      'lingui/no-single-variables-to-translate': 'error',
      'lingui/t-call-in-function': 'error',
    },
  },
)
