import { Anchor, Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'

import { ArrowLeftIcon } from '../layout/icons'

export function BackToList() {
  return (
    <Anchor
      component={Link}
      to="/shipments"
      activeOptions={{ exact: true }}
      size="sm"
      display="inline-block"
      mb="md"
    >
      <Group gap={6}>
        <ArrowLeftIcon size={14} /> All shipments
      </Group>
    </Anchor>
  )
}
