/** A catalogue, as Lingui's plugin hands it out. */
declare module '*.po' {
  export const messages: import('@lingui/core').Messages
}
