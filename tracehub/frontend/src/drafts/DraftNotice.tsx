import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Button } from '@mantine/core'

import { formatMoment } from '../dates'

type Props = { typedAt: string; onStartAfresh: () => void }

/** Why a form is not empty. */
export function DraftNotice({ typedAt, onStartAfresh }: Props) {
  const { t } = useLingui()
  const until = formatMoment(typedAt)
  return (
    <Alert role="status" color="harbour" variant="light" title={t`You have not sent this yet`}>
      <Trans>
        It is what you typed until {until}, and is kept in this browser until you send it.
      </Trans>
      <br />
      <Button mt="sm" size="xs" variant="default" onClick={onStartAfresh}>
        <Trans>Start afresh</Trans>
      </Button>
    </Alert>
  )
}
