import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'

import { partnersOf, usePartnersOf } from '../api/parts'
import { ApiError } from '../api/problem'
import { useOneAtATime } from '../api/useOneAtATime'
import { PlusIcon } from '../layout/icons'
import { ProblemAlert } from '../layout/ProblemAlert'
import { PartnerLines } from '../partners/PartnerLines'
import { PartnerPicker } from '../partners/PartnerPicker'
import classes from '../parts/Parts.module.css'

/** Whom the shipment goes to, and who else has to do with it. */
export function Partners({ shipmentId, mayWrite }: { shipmentId: string; mayWrite: boolean }) {
  const { t } = useLingui()
  const { data, error, refetch } = useQuery(partnersOf(shipmentId))
  const { give, take } = usePartnersOf(shipmentId)
  const [isPicking, setIsPicking] = useState(false)
  const atMostOnce = useOneAtATime()
  const frame = useRef<HTMLDivElement>(null)

  function close() {
    give.reset()
    setIsPicking(false)
    frame.current?.focus()
  }
  // A release from before has no partners.
  if (error instanceof ApiError && error.problem.status === 404) return null

  return (
    <Paper component="section" aria-labelledby="partners" p="xl">
      <Group justify="space-between" mb="md" gap="xs">
        <Title order={2} size="h5" id="partners">
          <Trans>Partners</Trans>
        </Title>
        {mayWrite && data && !isPicking && (
          <Button
            size="xs"
            variant="default"
            leftSection={<PlusIcon size={14} />}
            onClick={() => setIsPicking(true)}
          >
            <Trans>Add a partner</Trans>
          </Button>
        )}
      </Group>
      <Stack ref={frame} tabIndex={-1} gap="md" className={classes.frame}>
        {(give.error ?? take.error) && <ProblemAlert error={(give.error ?? take.error)!} />}
        {data ? (
          data.items.length > 0 ? (
            <ul className={classes.parts} aria-labelledby="partners">
              {data.items.map((partner) => (
                <li key={partner.id}>
                  <Group justify="space-between" gap="xs" align="flex-start">
                    <div className={classes.what}>
                      <PartnerLines partner={partner} />
                    </div>
                    {mayWrite && (
                      <Button
                        size="xs"
                        variant="subtle"
                        color="red"
                        aria-label={t`Take off: ${partner.name}`}
                        loading={take.isPending && take.variables === partner.id}
                        onClick={() =>
                          atMostOnce((done) =>
                            take.mutate(partner.id, {
                              onSuccess: () => frame.current?.focus(),
                              onSettled: done,
                            }),
                          )
                        }
                      >
                        <Trans>Take off</Trans>
                      </Button>
                    )}
                  </Group>
                </li>
              ))}
            </ul>
          ) : (
            !isPicking && (
              <Text size="sm" c="dimmed">
                <Trans>None yet: add the buyer, and who carries and clears the goods.</Trans>
              </Text>
            )
          )
        ) : error ? (
          <ProblemAlert error={error} onRetry={() => void refetch({ cancelRefetch: false })} />
        ) : (
          <Skeleton height={48} />
        )}
        {isPicking && (
          <PartnerPicker
            without={data?.items.map(({ id }) => id) ?? []}
            busy={give.isPending}
            onPick={(id) =>
              atMostOnce((done) => give.mutate(id, { onSuccess: close, onSettled: done }))
            }
            onCancel={close}
          />
        )}
      </Stack>
    </Paper>
  )
}
