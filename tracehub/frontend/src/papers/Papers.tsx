import { t } from '@lingui/core/macro'
import { Button, Group, Paper as Card, Progress, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'

import { papers, usePack } from '../api/papers'
import { useLogin } from '../auth/credentials'
import { ProblemAlert } from '../layout/ProblemAlert'
import { mayDo } from '../people/roles'
import { BringPaper } from './BringPaper'
import { kinds } from './kinds'
import { PaperRow } from './PaperRow'
import { Shares } from './Shares'
import classes from './Papers.module.css'
import { useUploads, type Coming } from './useUploads'

/** The papers of a shipment. A release that knows none has no list of them, and the page goes without. */
export function Papers({ shipmentId, reference }: { shipmentId: string; reference: string }) {
  const { data } = useQuery(papers(shipmentId))
  const { coming, bring } = useUploads(shipmentId)
  const pack = usePack(shipmentId, reference)
  const mayWrite = mayDo(useLogin()?.user.role, 'member')
  if (!data) return null

  const place = (kind: string) => kinds().findIndex(({ value }) => value === kind)
  const items = [...data.items].sort((a, b) => place(a.kind) - place(b.kind))
  return (
    <>
      <Card component="section" aria-labelledby="papers" p="xl">
        <Group justify="space-between" mb="lg">
          <Title order={2} size="h5" id="papers">
            {t`Papers`}
          </Title>
          {items.length > 0 && (
            <Button
              size="xs"
              variant="default"
              loading={pack.isPending}
              onClick={() => pack.mutate()}
            >
              {t`Download all as one file`}
            </Button>
          )}
        </Group>
        {pack.error && <ProblemAlert error={pack.error} />}
        {items.length === 0 && (
          <Text c="dimmed" size="sm" mb="md">
            {t`No papers yet. What you bring here is found by everybody in your organisation.`}
          </Text>
        )}
        <ul className={classes.papers} aria-labelledby="papers">
          {items.map((paper) => (
            <PaperRow
              key={paper.id}
              shipmentId={shipmentId}
              paper={paper}
              onVersion={(file) =>
                void bring(file, {
                  kind: paper.kind,
                  number: paper.versions[0]?.number ?? '',
                  expiresOn: '',
                  paper: paper.id,
                })
              }
            />
          ))}
        </ul>
        <Stack gap="sm" my="md" role="status">
          {coming.map((one) => (
            <OnItsWay key={one.key} coming={one} />
          ))}
        </Stack>
        {mayWrite && <BringPaper onFile={(file, about) => void bring(file, about)} />}
      </Card>
      <Shares shipmentId={shipmentId} papers={items} />
    </>
  )
}

function OnItsWay({ coming: { name, done, error, retry, cancel } }: { coming: Coming }) {
  return (
    <div>
      <Group justify="space-between" gap="sm">
        <Text size="sm" style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          {name}
        </Text>
        <Group gap="xs">
          {error && (
            <Button size="xs" variant="default" onClick={retry} aria-label={t`Go on with ${name}`}>
              {t`Go on`}
            </Button>
          )}
          <Button size="xs" variant="subtle" onClick={cancel} aria-label={t`Give ${name} up`}>
            {t`Give up`}
          </Button>
        </Group>
      </Group>
      <Progress
        value={done}
        color={error ? 'red' : undefined}
        mt={4}
        aria-label={t`Arrived of ${name}`}
      />
      {error && (
        <Text size="xs" c="red" mt={4}>
          {error}
        </Text>
      )}
    </div>
  )
}
