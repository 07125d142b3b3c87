import { t } from '@lingui/core/macro'
import { Text } from '@mantine/core'

import type { MailState } from '../api/types'

/** What became of a mail, for who caused it; bad news is seen as such. */
export function MailNote({ state }: { state: MailState }) {
  const isBad = state === 'refused' || state === 'failed'
  return (
    <Text span display="block" size="sm" c={isBad ? 'red' : 'dimmed'}>
      {words(state)}
    </Text>
  )
}

function words(state: MailState): string {
  switch (state) {
    case 'waiting':
      return t`The mail is on its way`
    case 'sent':
      return t`Sent by mail`
    case 'refused':
      return t`The mail was refused: is the address right?`
    case 'failed':
      return t`The mail could not be sent: please send the link yourself`
  }
}
