import { Trans } from '@lingui/react/macro'
import { Anchor, Group } from '@mantine/core'
import { Link } from '@tanstack/react-router'

import { ArrowLeftIcon } from '../layout/icons'
import { AnchorLink } from '../layout/links'

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
        <ArrowLeftIcon size={14} /> <Trans>All shipments</Trans>
      </Group>
    </Anchor>
  )
}

export function BackToShipment({ id, reference }: { id: string; reference: string }) {
  return (
    <AnchorLink
      to="/shipments/$id"
      params={{ id }}
      size="sm"
      display="inline-block"
      maw="100%"
      mb="md"
    >
      <Group gap={6} wrap="nowrap">
        <ArrowLeftIcon size={14} style={{ flex: 'none' }} />
        <span style={{ overflowWrap: 'anywhere', minWidth: 0 }}>{reference}</span>
      </Group>
    </AnchorLink>
  )
}
