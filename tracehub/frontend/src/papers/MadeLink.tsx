import { t } from '@lingui/core/macro'
import { Alert, Button, CopyButton, Group, Text, TextInput } from '@mantine/core'

/** A link that was made just now. */
export type Made = { path: string; expires_at: string }

/** It is shown once: the server keeps only what it needs to know it again. */
export function MadeLink({ made, onDone }: { made: Made; onDone: () => void }) {
  const address = new URL(made.path, window.location.origin).href
  const message = encodeURIComponent(address)
  return (
    <Alert role="status" color="harbour" variant="light" title={t`The link is ready`} mb="md">
      <Text size="sm" mb="sm">
        {t`Whoever has it sees the papers, without an account. It is not shown again.`}
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
          href={`https://wa.me/?text=${message}`}
          target="_blank"
          rel="noreferrer"
        >
          {t`Send by WhatsApp`}
        </Button>
        <Button size="xs" variant="default" onClick={onDone}>
          {t`Done`}
        </Button>
      </Group>
    </Alert>
  )
}
