import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Button, CopyButton, Group, Text, TextInput } from '@mantine/core'

import { formatMoment } from '../dates'

/** A link that was made just now, and for whom. */
export type Shown = { path: string; expires_at: string; words: string }

type Props = { shown: Shown; onDone: () => void }

/** It is shown once: the server keeps only what it needs to know it again. */
export function LinkToCopy({ shown, onDone }: Props) {
  const { t } = useLingui()
  const until = formatMoment(shown.expires_at)
  const address = new URL(shown.path, window.location.origin).href
  return (
    <Alert role="status" color="harbour" variant="light" title={shown.words}>
      <Text size="sm" mb="sm">
        <Trans>
          Send it yourself, by WhatsApp or mail. It works once, until {until}, for whoever has it;
          it is not shown again.
        </Trans>
      </Text>
      <TextInput
        label={t`Link`}
        readOnly
        value={address}
        mb="sm"
        onFocus={(event) => event.currentTarget.select()}
      />
      <Group gap="xs">
        <CopyButton value={address}>
          {({ copied, copy }) => (
            <Button size="xs" onClick={copy}>
              {copied ? t`Copied` : t`Copy the link`}
            </Button>
          )}
        </CopyButton>
        <Button size="xs" variant="default" onClick={onDone}>
          <Trans>Done</Trans>
        </Button>
      </Group>
    </Alert>
  )
}
