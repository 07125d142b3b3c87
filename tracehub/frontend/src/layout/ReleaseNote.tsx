import { Trans, useLingui } from '@lingui/react/macro'
import { Anchor, Text } from '@mantine/core'

import { useSettings } from '../config'

export function ReleaseNote() {
  const { t } = useLingui()
  const settings = useSettings()
  return (
    <Text size="xs" c="dimmed" mih="1.4em" style={{ overflowWrap: 'anywhere' }}>
      {settings.state === 'loaded' && t`Release ${settings.config.release}`}
      {settings.state === 'failed' && (
        <span role="status">
          <Trans>TraceHub did not say which release this is.</Trans>{' '}
          <Anchor component="button" type="button" size="xs" onClick={settings.retry}>
            <Trans>Try again</Trans>
          </Anchor>
        </span>
      )}
    </Text>
  )
}
