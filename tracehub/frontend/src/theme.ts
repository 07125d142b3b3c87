import {
  Anchor,
  Badge,
  Input,
  Paper,
  PasswordInput,
  createTheme,
  type MantineColorsTuple,
} from '@mantine/core'

/** Deep water. White text on shades 7 to 9 has a contrast of 4.4 and more. */
const harbour: MantineColorsTuple = [
  '#e7f6f8',
  '#d3ebef',
  '#a6d6de',
  '#75c0cd',
  '#4faebe',
  '#36a2b5',
  '#259db1',
  '#0f8598',
  '#0b7285',
  '#075f70',
]

const fontFamily = "'Inter Variable', 'Inter Fallback', system-ui, sans-serif"

export const theme = createTheme({
  fontFamily,
  headings: { fontFamily, fontWeight: '650' },
  colors: { harbour },
  primaryColor: 'harbour',
  primaryShade: 8,
  defaultRadius: 'md',
  cursorType: 'pointer',
  components: {
    Anchor: Anchor.extend({ defaultProps: { c: 'var(--link)' } }),
    // A badge is read whole or not at all: it takes the room that its words need.
    Badge: Badge.extend({
      styles: { root: { flex: 'none', maxWidth: 'none' }, label: { overflow: 'visible' } },
    }),
    Input: Input.extend({ styles: { input: { backgroundColor: 'var(--surface)' } } }),
    Paper: Paper.extend({
      defaultProps: { radius: 'lg', withBorder: true, bg: 'var(--surface)' },
      styles: { root: { borderColor: 'var(--line)' } },
    }),
    PasswordInput: PasswordInput.extend({
      styles: { input: { backgroundColor: 'var(--surface)' } },
    }),
  },
})
