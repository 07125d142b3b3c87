import { Plural, Trans, useLingui } from '@lingui/react/macro'
import { Button, Paper, Skeleton, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'

import { ActivityList } from '../activity/ActivityList'
import { partner } from '../api/partners'
import { ApiError } from '../api/problem'
import { Loading } from '../layout/Loading'
import { Notice } from '../layout/Notice'
import { PageTitle } from '../layout/PageTitle'
import { ProblemAlert } from '../layout/ProblemAlert'
import { AnchorLink } from '../layout/links'
import { PartnerLines } from './PartnerLines'

/** One partner, and what has happened to it; of one that was removed, what had. */
export function PartnerPage() {
  const { t } = useLingui()
  const { id } = useParams({ from: '/logged-in/partners/$id' })
  const { data, error, refetch } = useQuery(partner(id))
  const isGone = error instanceof ApiError && error.problem.status === 404

  return (
    <Stack gap="lg">
      <PageTitle>{data?.name ?? t`Partner`}</PageTitle>
      <div>
        <AnchorLink to="/partners" size="sm" display="inline-block" mb="md">
          <Trans>All partners</Trans>
        </AnchorLink>
        {!isGone && (
          <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
            {data?.name ?? t`Partner`}
          </Title>
        )}
      </div>
      {isGone ? (
        <Paper>
          <Notice
            title={t`There is no such partner`}
            action={
              <Button component={Link} to="/partners" variant="default">
                <Trans>All partners</Trans>
              </Button>
            }
          >
            <Trans>It may have been removed, or belong to another organisation.</Trans>
          </Notice>
        </Paper>
      ) : data ? (
        <Paper p="xl">
          <PartnerLines partner={data} />
          {data.shipments > 0 && (
            <AnchorLink to="/shipments" search={{ partner: id }} size="sm">
              <Plural value={data.shipments} one="# shipment" other="# shipments" />
            </AnchorLink>
          )}
        </Paper>
      ) : error ? (
        <ProblemAlert error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
      ) : (
        <Loading label={t`Loading the partner`}>
          <Skeleton height={140} radius="lg" />
        </Loading>
      )}
      <section aria-labelledby="history">
        <Title order={2} size="h5" id="history" mb="md">
          <Trans>History</Trans>
        </Title>
        <ActivityList
          order={3}
          filter={{ about: id }}
          nothing={<Trans>Nothing was noted of it.</Trans>}
        />
      </section>
    </Stack>
  )
}
