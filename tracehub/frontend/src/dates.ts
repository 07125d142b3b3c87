const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

const MILLISECONDS_A_DAY = 24 * 60 * 60 * 1000

/** '2026-03-09' or a full timestamp, as people write it; a dash where nothing is known. */
export function formatDay(iso: string | null | undefined): string {
  return iso ? day.format(atMidnight(iso)) : '–'
}

/** A timestamp as people write it, by this place's clock. */
export function formatMoment(iso: string): string {
  return moment.format(new Date(iso))
}

export function daysBetween(from: string, to: string): number {
  return Math.round((atMidnight(to).getTime() - atMidnight(from).getTime()) / MILLISECONDS_A_DAY)
}

/** A day has no time zone: read it as this place's midnight, or it may show as the day before. */
function atMidnight(iso: string) {
  return new Date(iso.length === 10 ? `${iso}T00:00:00` : iso)
}
