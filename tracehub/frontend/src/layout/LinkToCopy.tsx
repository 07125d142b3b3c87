import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Button, CopyButton, Group, Text, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'

type Props = { title: string; path: string; children: ReactNode; onDone: () => void }

/** A link that was made just now. It is shown once: the server keeps only what it needs to know it again. */
export function LinkToCopy({ title, path, children, onDone }: Props) {
  const { t } = useLingui()
  const address = new URL(path, window.location.origin).href
  return (
    <Alert role="status" color="harbour" variant="light" title={title} mb="md">
      <Text size="sm" mb="sm">
        {children}
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
        <Button
          size="xs"
          variant="light"
          component="a"
          href={`https://wa.me/?text=${encodeURIComponent(address)}`}
          target="_blank"
          rel="noreferrer"
        >
          <Trans>Send by WhatsApp</Trans>
        </Button>
        <Button size="xs" variant="default" onClick={onDone}>
          <Trans>Done</Trans>
        </Button>
      </Group>
    </Alert>
  )
}
