import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, Text, Title } from '@mantine/core'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'

import { useLogin } from '../auth/credentials'
import { PlusIcon } from '../layout/icons'
import { PageTitle } from '../layout/PageTitle'
import { mayDo } from '../people/roles'
import { Filters } from './Filters'
import { SearchBox } from './SearchBox'
import { ShipmentList } from './ShipmentList'
import type { Wanted } from './wanted'

/** The search stands in the address, so that going back and sharing a link find it again. */
export function ShipmentListPage() {
  const { t } = useLingui()
  const wanted = useSearch({ from: '/logged-in/shipments' })
  const { search = '', ...filters } = wanted
  const navigate = useNavigate()
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  const want = (next: Wanted) => void navigate({ to: '/shipments', search: next, replace: true })

  return (
    <>
      <PageTitle>{t`Shipments`}</PageTitle>
      <Group justify="space-between" align="flex-end" mb="lg">
        <div>
          <Title order={1} size="h2">
            <Trans>Shipments</Trans>
          </Title>
          <Text c="dimmed">
            <Trans>Everything that you have at sea, on land and in the making.</Trans>
          </Text>
        </div>
        {mayWrite && (
          <Button component={Link} to="/shipments/new" leftSection={<PlusIcon />}>
            <Trans>New shipment</Trans>
          </Button>
        )}
      </Group>
      <SearchBox
        value={search}
        onChange={(next) => want(next ? { ...filters, search: next } : filters)}
      />
      <Filters wanted={wanted} onChange={want} />
      <ShipmentList wanted={wanted} />
    </>
  )
}
