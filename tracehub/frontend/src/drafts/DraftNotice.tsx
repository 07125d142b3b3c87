import { Alert, Button } from '@mantine/core'

import { formatMoment } from '../dates'

type Props = { typedAt: string; onStartAfresh: () => void }

/** Why a form is not empty. */
export function DraftNotice({ typedAt, onStartAfresh }: Props) {
  return (
    <Alert role="status" color="harbour" variant="light" title="You have not sent this yet">
      It is what you typed until {formatMoment(typedAt)}, and is kept in this browser until you send
      it.
      <br />
      <Button mt="sm" size="xs" variant="default" onClick={onStartAfresh}>
        Start afresh
      </Button>
    </Alert>
  )
}
