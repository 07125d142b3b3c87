import { Trans, useLingui } from '@lingui/react/macro'
import { Group, NativeSelect, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'

import { people } from '../api/people'
import { useLogin } from '../auth/credentials'
import { PageTitle } from '../layout/PageTitle'
import { mayDo } from '../people/roles'
import { BackToList } from '../shipments/BackToList'
import { ActivityList } from './ActivityList'

/** What narrows it stands in the address, so that going back and sharing a link find it again. */
export function ActivityPage() {
  const { t } = useLingui()
  const wanted = useSearch({ from: '/logged-in/activity' })
  const navigate = useNavigate()
  const everybody = useQuery(people).data?.items ?? []
  const seesPeople = mayDo(useLogin()?.user.role, 'manager')
  const isNarrowed = wanted.kind !== undefined || wanted.by !== undefined

  function want(name: 'kind' | 'by', value: string) {
    const search = { ...wanted, [name]: value || undefined }
    void navigate({ to: '/activity', search, replace: true })
  }

  return (
    <Stack gap="lg">
      <PageTitle>{t`Activity`}</PageTitle>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          <Trans>Activity</Trans>
        </Title>
        <Text c="dimmed">
          <Trans>What has happened, and who did it.</Trans>
        </Text>
      </div>
      <Group gap="sm">
        <NativeSelect
          label={t`About`}
          data={[
            { value: '', label: t`Everything` },
            { value: 'shipment', label: t`Shipments` },
            { value: 'partner', label: t`Partners` },
            ...(seesPeople ? [{ value: 'person', label: t`People` }] : []),
          ]}
          value={wanted.kind ?? ''}
          onChange={(event) => want('kind', event.currentTarget.value)}
        />
        <NativeSelect
          label={t`By`}
          maw="100%"
          data={[
            { value: '', label: t`Everybody` },
            ...everybody.map(({ id, name }) => ({ value: id, label: name })),
          ]}
          value={wanted.by ?? ''}
          onChange={(event) => want('by', event.currentTarget.value)}
        />
      </Group>
      <ActivityList
        filter={wanted}
        nothing={
          isNarrowed ? (
            <Trans>
              Nothing of that has happened. Perhaps with fewer filters there is something.
            </Trans>
          ) : (
            <Trans>Once somebody enters or changes something, it stands here.</Trans>
          )
        }
      />
    </Stack>
  )
}
