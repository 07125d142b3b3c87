import { plural, t } from '@lingui/core/macro'
import { Badge, Button, Group, Paper as Card, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { shares, useRevokeShare } from '../api/shares'
import type { Paper, Share } from '../api/types'
import { useLogin } from '../auth/credentials'
import { formatMoment } from '../dates'
import { LinkToCopy } from '../layout/LinkToCopy'
import { ProblemAlert } from '../layout/ProblemAlert'
import { MailNote } from '../people/MailNote'
import { mayDo } from '../people/roles'
import { ShareForm, type Made } from './ShareForm'
import classes from './Papers.module.css'

type Props = { shipmentId: string; papers: Paper[] }

/** The links to the papers: who was sent one, and whether they have looked. */
export function Shares({ shipmentId, papers }: Props) {
  const { data } = useQuery(shares(shipmentId))
  const revoke = useRevokeShare(shipmentId)
  const [made, setMade] = useState<Made | null>(null)
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  if (!data || (papers.length === 0 && data.items.length === 0)) return null

  return (
    <Card component="section" aria-labelledby="shares" p="xl">
      <Title order={2} size="h5" id="shares" mb="lg">
        {t`Links for the buyer`}
      </Title>
      {made && (
        <LinkToCopy title={t`The link is ready`} path={made.path} onDone={() => setMade(null)}>
          {made.to &&
            (made.is_mailed
              ? t`It is sent by mail.`
              : t`No mail was sent: please send it yourself.`)}{' '}
          {t`Whoever has it sees the papers, without an account. It is not shown again.`}
        </LinkToCopy>
      )}
      {revoke.error && <ProblemAlert error={revoke.error} />}
      <ul className={classes.papers} aria-labelledby="shares">
        {data.items.map((share) => (
          <Row
            key={share.id}
            share={share}
            mayRevoke={mayWrite}
            isPending={revoke.isPending && revoke.variables === share.id}
            onRevoke={() => revoke.mutate(share.id)}
          />
        ))}
      </ul>
      {mayWrite && papers.length > 0 && (
        <ShareForm shipmentId={shipmentId} papers={papers} onMade={setMade} />
      )}
    </Card>
  )
}

type RowProps = { share: Share; mayRevoke: boolean; isPending: boolean; onRevoke: () => void }

function Row({ share, mayRevoke, isPending, onRevoke }: RowProps) {
  const [now] = useState(() => Date.now())
  const who = share.buyer ?? t`Anybody who has the link`
  const until = formatMoment(share.expires_at)
  const isGood = !share.revoked_at && new Date(share.expires_at).getTime() > now
  return (
    <Group component="li" justify="space-between" gap="sm">
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Group gap="xs">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {who}
          </Text>
          {!isGood && <Badge color="gray">{share.revoked_at ? t`Taken back` : t`Expired`}</Badge>}
          {share.has_passcode && <Badge variant="light">{t`Passcode`}</Badge>}
        </Group>
        <Text size="sm" c="dimmed">
          {plural(share.papers, { one: '# paper', other: '# papers' })}, {t`until ${until}`}
        </Text>
        <Text size="sm">{openedWords(share)}</Text>
        {share.mail && <MailNote state={share.mail} />}
      </Stack>
      {isGood && mayRevoke && (
        <Button
          size="xs"
          variant="default"
          loading={isPending}
          aria-label={t`Take back the link of ${who}`}
          onClick={onRevoke}
        >
          {t`Take back`}
        </Button>
      )}
    </Group>
  )
}

function openedWords({ opened, opened_at }: Share): string {
  if (!opened_at) return t`Not opened yet`
  const last = formatMoment(opened_at)
  return opened === 1 ? t`Opened once, ${last}` : t`Opened ${opened} times, last ${last}`
}
