import { Text } from '@mantine/core'

import { useConfig } from '../config'

export function ReleaseNote() {
  const { release } = useConfig()
  return (
    <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
      Release {release}
    </Text>
  )
}
