import { useLingui } from '@lingui/react/macro'
import { Badge, Group, Text } from '@mantine/core'

import type { Partner } from '../api/types'
import { nameOfCountry } from './countries'
import { labelOfKind } from './kinds'

/** A partner as it is shown wherever it is. */
export function PartnerLines({ partner }: { partner: Partner }) {
  const { t } = useLingui()
  const { kind, name, address, country, eori, email } = partner
  const place = [...address, country && nameOfCountry(country)].filter(Boolean).join(', ')
  const ways = [eori && t`EORI ${eori}`, email].filter(Boolean).join(' · ')
  return (
    <>
      <Group gap="xs">
        <Text fw={600} style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          {name}
        </Text>
        <Badge color="gray" variant="light" radius="sm" tt="none">
          {labelOfKind(kind)}
        </Badge>
      </Group>
      {place && (
        <Text size="sm" c="dimmed">
          {place}
        </Text>
      )}
      {ways && (
        <Text size="sm" c="dimmed">
          {ways}
        </Text>
      )}
    </>
  )
}
