import { t } from '@lingui/core/macro'
import { Trans, useLingui } from '@lingui/react/macro'
import { Center, Button, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'

import { activity, type ActivityFilter } from '../api/activity'
import type { ActivityEntry } from '../api/types'
import { daysSince, formatLongDay, formatTime } from '../dates'
import { Initials } from '../layout/Initials'
import { Loading } from '../layout/Loading'
import { Notice } from '../layout/Notice'
import { ProblemAlert } from '../layout/ProblemAlert'
import classes from './ActivityList.module.css'
import { Headline, detailsOf } from './Headline'

type Props = { filter: ActivityFilter; nothing: ReactNode; order?: 2 | 3 }

/** What has happened, day by day, the latest first. */
export function ActivityList({ filter, nothing, order = 2 }: Props) {
  const { t } = useLingui()
  const list = useInfiniteQuery(activity(filter))
  const retry = () => void list.refetch({ cancelRefetch: false })

  if (!list.data) {
    return list.isError ? <ProblemAlert error={list.error} onRetry={retry} /> : <Outline />
  }
  const entries = list.data.pages.flatMap(({ items }) => items)
  if (entries.length === 0) {
    return (
      <Paper>
        <Notice order={order} title={t`Nothing has happened yet`}>
          {nothing}
        </Notice>
      </Paper>
    )
  }
  return (
    <Stack
      gap="xl"
      aria-busy={list.isPlaceholderData}
      opacity={list.isPlaceholderData ? 0.6 : undefined}
    >
      {list.isError && <ProblemAlert error={list.error} onRetry={retry} />}
      {daysOf(entries).map((day) => (
        <Day key={day[0].id} entries={day} order={order} />
      ))}
      {list.hasNextPage && (
        <Center>
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage({ cancelRefetch: false })}
          >
            <Trans>Show older</Trans>
          </Button>
        </Center>
      )}
    </Stack>
  )
}

type NotEmpty = [ActivityEntry, ...ActivityEntry[]]

/** In the order in which they come; never none of a day. */
function daysOf(entries: ActivityEntry[]): NotEmpty[] {
  const days: NotEmpty[] = []
  for (const entry of entries) {
    const day = days.at(-1)
    if (day && formatLongDay(day[0].at) === formatLongDay(entry.at)) day.push(entry)
    else days.push([entry])
  }
  return days
}

function Day({ entries, order }: { entries: NotEmpty; order: 2 | 3 }) {
  const heading = `day-${entries[0].id}`
  return (
    <section aria-labelledby={heading}>
      <Title
        order={order}
        size={order === 2 ? 'h5' : 'h6'}
        id={heading}
        mb="sm"
        className={classes.day}
      >
        {nameOfDay(entries[0].at)}
      </Title>
      <Paper component="ol" className={classes.entries} aria-labelledby={heading}>
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </Paper>
    </section>
  )
}

function nameOfDay(at: string): string {
  const days = daysSince(at)
  if (days === 0) return t`Today`
  return days === 1 ? t`Yesterday` : formatLongDay(at)
}

function Entry({ entry }: { entry: ActivityEntry }) {
  return (
    <li className={classes.entry}>
      <Initials name={entry.by.name} />
      <div className={classes.words}>
        <Text size="sm">
          <Headline entry={entry} />
        </Text>
        {detailsOf(entry).map((detail) => (
          <Text key={detail} size="sm" c="dimmed">
            {detail}
          </Text>
        ))}
      </div>
      <Text component="time" dateTime={entry.at} size="xs" c="dimmed" className={classes.time}>
        {formatTime(entry.at)}
      </Text>
    </li>
  )
}

function Outline() {
  const { t } = useLingui()
  return (
    <Loading label={t`Loading the activity`}>
      <Skeleton height={22} width={180} radius="sm" />
      <Skeleton height={260} radius="lg" />
    </Loading>
  )
}
