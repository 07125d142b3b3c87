import type { CSSVariablesResolver } from '@mantine/core'

/** Our own colours by name, as CSS variables, and a few of Mantine's that we want with more contrast. */
export const palette: CSSVariablesResolver = () => ({
  variables: {
    '--brand': '#0b7285',
  },
  light: {
    '--page': '#f3f7f8',
    '--surface': '#ffffff',
    '--line': '#dde6e8',
    '--link': '#0b7285',
    '--tint': '#e2f3f6',
    '--notice': '#fff3cd',
    '--mantine-color-dimmed': '#56676b',
    '--mantine-color-placeholder': '#7b8a8e',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-gray-light-color': '#495057',
    '--mantine-color-green-light-color': '#1e6b30',
    '--mantine-color-harbour-light-color': '#075f70',
    '--mantine-color-indigo-light-color': '#364fc7',
    '--mantine-color-orange-light-color': '#a33b00',
    '--mantine-color-red-light': '#fdecec',
    '--mantine-color-red-light-color': '#a61e1e',
    '--mantine-color-yellow-light-color': '#7a5200',
  },
  dark: {
    '--page': '#0f1517',
    '--surface': '#182124',
    '--line': '#2c393c',
    '--link': '#75c0cd',
    '--tint': '#123840',
    '--notice': '#3a2f10',
    '--mantine-color-text': '#dde6e8',
    '--mantine-color-dimmed': '#9db0b5',
    '--mantine-color-placeholder': '#7f9196',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-default': '#222d30',
    '--mantine-color-default-hover': '#2b383b',
    '--mantine-color-default-border': '#374649',
    '--mantine-color-red-light': '#3d1b1e',
    '--mantine-color-yellow-light': '#3a2f10',
  },
})
