import { t } from '@lingui/core/macro'

/** Bytes as people read them. */
export function formatSize(bytes: number): string {
  const kilobytes = Math.max(1, Math.round(bytes / 1000))
  if (kilobytes < 1000) return t`${kilobytes} kB`
  const megabytes = (bytes / 1_000_000).toFixed(1)
  return t`${megabytes} MB`
}
