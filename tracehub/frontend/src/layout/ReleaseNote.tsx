import { Anchor, Text } from '@mantine/core'

import { useSettings } from '../config'

export function ReleaseNote() {
  const settings = useSettings()
  return (
    <Text size="xs" c="dimmed" mih="1.4em" style={{ overflowWrap: 'anywhere' }}>
      {settings.state === 'loaded' && `Release ${settings.config.release}`}
      {settings.state === 'failed' && (
        <span role="status">
          TraceHub did not say which release this is.{' '}
          <Anchor component="button" type="button" size="xs" onClick={settings.retry}>
            Try again
          </Anchor>
        </span>
      )}
    </Text>
  )
}
