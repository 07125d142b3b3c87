import { Text } from '@mantine/core'

import classes from './Offered.module.css'

type Offer = { key: string; text: string; detail?: string }

type Props = {
  /** What is offered, for those who don't see it. */
  label: string
  offers: Offer[]
  busy?: boolean
  onPick: (key: string) => void
}

/** What was found for what somebody types, to be picked; nothing where nothing was found. */
export function Offered({ label, offers, busy, onPick }: Props) {
  return (
    <ul className={classes.offered} aria-label={label}>
      {offers.map(({ key, text, detail }) => (
        <li key={key}>
          <button type="button" disabled={busy} onClick={() => onPick(key)}>
            {text}
            {detail && (
              <Text span size="xs" c="dimmed">
                {' '}
                {detail}
              </Text>
            )}
          </button>
        </li>
      ))}
    </ul>
  )
}
