import { Plural, Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { partnerList, useChangePartner, useCreatePartner, useRemovePartner } from '../api/partners'
import type { NewPartner, Partner, PartnerKind } from '../api/types'
import { useLogin } from '../auth/credentials'
import { PageTitle } from '../layout/PageTitle'
import { AnchorLink } from '../layout/links'
import { Parts } from '../parts/Parts'
import { mayDo } from '../people/roles'
import { BackToList } from '../shipments/BackToList'
import { PartnerLines } from './PartnerLines'
import classes from './PartnerPicker.module.css'
import { newPartnerFields, partnerFields } from './fields'
import { kindChoices } from './kinds'

export function PartnersPage() {
  const { t } = useLingui()
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  const [typed, setTyped] = useState('')
  const [kind, setKind] = useState<PartnerKind | ''>('')
  const [search] = useDebouncedValue(typed.trim(), 200)
  const list = useInfiniteQuery(partnerList(search, kind || undefined))
  const add = useCreatePartner()
  const change = useChangePartner()
  const remove = useRemovePartner()
  const isAll = search === '' && kind === ''

  return (
    <Stack gap="lg">
      <PageTitle>{t`Partners`}</PageTitle>
      <div>
        <BackToList />
        <Title order={1} size="h2">
          <Trans>Partners</Trans>
        </Title>
        <Text c="dimmed">
          <Trans>Who buys from you, and who carries and clears what you ship.</Trans>
        </Text>
      </div>
      <Group gap="sm" align="end">
        <TextInput
          type="search"
          label={t`Name`}
          className={classes.search}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <NativeSelect
          label={t`Kind`}
          data={[{ value: '', label: t`All of them` }, ...kindChoices()]}
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value as PartnerKind | '')}
        />
      </Group>
      <Parts<Partner, NewPartner>
        id="all-partners"
        title={isAll ? t`All partners` : t`Found`}
        nothing={isAll ? t`None yet: a shipment's page makes them, too.` : t`Nobody is called so.`}
        addLabel={t`New partner`}
        fields={newPartnerFields()}
        fieldsOfKept={partnerFields()}
        initial={{ kind: kind || 'buyer', name: typed.trim() }}
        parts={list.data?.pages.flatMap((page) => page.items)}
        error={list.error}
        onRetry={() => void list.refetch({ cancelRefetch: false })}
        mayWrite={mayWrite}
        nameOf={({ name }) => name}
        show={(partner) => (
          <>
            <PartnerLines partner={partner} />
            <Group gap="md">
              {partner.shipments > 0 && (
                <AnchorLink to="/shipments" search={{ partner: partner.id }} size="sm">
                  <Plural value={partner.shipments} one="# shipment" other="# shipments" />
                </AnchorLink>
              )}
              <AnchorLink to="/partners/$id" params={{ id: partner.id }} size="sm">
                <Trans>History</Trans>
              </AnchorLink>
            </Group>
          </>
        )}
        add={add}
        change={change}
        remove={remove}
      />
      {list.hasNextPage && (
        <Group justify="center">
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage({ cancelRefetch: false })}
          >
            <Trans>Show more</Trans>
          </Button>
        </Group>
      )}
    </Stack>
  )
}
