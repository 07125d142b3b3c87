import { t } from '@lingui/core/macro'
import { Anchor, Badge, Button, FileButton, Group, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'

import { useDownload, useRemovePaper } from '../api/papers'
import type { Paper } from '../api/types'
import { useLogin } from '../auth/credentials'
import { formatDay, formatMoment } from '../dates'
import { ProblemAlert } from '../layout/ProblemAlert'
import { mayDo } from '../people/roles'
import { ACCEPTED } from './BringPaper'
import { labelOfKind } from './kinds'
import { formatSize } from './size'

type Props = { shipmentId: string; paper: Paper; onVersion: (file: File) => void }

/** A paper: what it is now, and the versions before. */
export function PaperRow({ shipmentId, paper, onVersion }: Props) {
  const download = useDownload()
  const remove = useRemovePaper(shipmentId)
  const [isSure, setIsSure] = useState(false)
  const role = useLogin()?.user.role
  const [latest, ...older] = paper.versions
  if (!latest) return null

  const kind = labelOfKind(paper.kind)
  const error = download.error ?? remove.error
  const { name } = latest
  return (
    <Stack component="li" gap={6}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ minWidth: 0, flex: '1 1 240px' }}>
          <Group gap="xs">
            <Text fw={600}>{latest.number ? `${kind} ${latest.number}` : kind}</Text>
            <Expiry day={latest.expires_on} />
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {name} · {formatSize(latest.size)} · {latest.by}, {formatMoment(latest.at)}
          </Text>
          {paper.same_as && <Double of={paper.same_as} shipmentId={shipmentId} />}
        </div>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            aria-label={t`Download ${name}`}
            loading={download.isPending && download.variables.version === latest.version}
            onClick={() => download.mutate({ paper, version: latest.version })}
          >
            {t`Download`}
          </Button>
          {mayDo(role, 'member') && (
            <FileButton accept={ACCEPTED} onChange={(file) => file && onVersion(file)}>
              {(props) => (
                <Button
                  {...props}
                  size="xs"
                  variant="default"
                  aria-label={t`New version of ${name}`}
                >
                  {t`New version`}
                </Button>
              )}
            </FileButton>
          )}
          {mayDo(role, 'member') && (
            <Button
              size="xs"
              variant={isSure ? 'filled' : 'subtle'}
              color="red"
              aria-label={isSure ? t`Really remove ${name}` : t`Remove ${name}`}
              loading={remove.isPending}
              onBlur={() => setIsSure(false)}
              onClick={() => (isSure ? remove.mutate(paper.id) : setIsSure(true))}
            >
              {isSure ? t`Really remove?` : t`Remove`}
            </Button>
          )}
        </Group>
      </Group>
      {error && <ProblemAlert error={error} />}
      {older.length > 0 && (
        <Text component="ul" size="xs" c="dimmed" m={0} pl="md" aria-label={t`Earlier versions`}>
          {older.map((version) => (
            <li key={version.version}>
              <Anchor
                component="button"
                type="button"
                size="xs"
                onClick={() => download.mutate({ paper, version: version.version })}
              >
                {version.name}
              </Anchor>{' '}
              {version.by}, {formatMoment(version.at)}
            </li>
          ))}
        </Text>
      )}
    </Stack>
  )
}

function Double({ of, shipmentId }: { of: NonNullable<Paper['same_as']>; shipmentId: string }) {
  if (of.shipment_id === shipmentId) {
    return <Text size="xs">{t`You have this file twice here.`}</Text>
  }
  return (
    <Text size="xs">
      {t`You have this already, at`}{' '}
      <Anchor component={Link} to={`/shipments/${of.shipment_id}`} size="xs">
        {of.reference}
      </Anchor>
    </Text>
  )
}

const SOON_MS = 30 * 24 * 60 * 60 * 1000

function Expiry({ day }: { day?: string | null }) {
  const [now] = useState(() => Date.now())
  if (!day) return null
  const until = formatDay(day)
  const left = new Date(`${day}T23:59:59`).getTime() - now
  if (left < 0) return <Badge color="red">{t`Expired on ${until}`}</Badge>
  return (
    <Badge color={left < SOON_MS ? 'orange' : 'gray'} variant="light">
      {t`Valid until ${until}`}
    </Badge>
  )
}
