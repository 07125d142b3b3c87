const SUFFIX = ' · TraceHub'

/** The title of a page, as tabs and screen readers say it. */
export function PageTitle({ children }: { children: string }) {
  return <title>{children + SUFFIX}</title>
}

/** The title of the page that is shown, without what all have. */
export function currentTitle(): string {
  return document.title.replace(SUFFIX, '')
}
