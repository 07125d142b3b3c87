import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Group, NativeSelect, Stack } from '@mantine/core'

import { useChangePerson, usePasswordLink } from '../api/people'
import type { Person, Role } from '../api/types'
import { ProblemAlert } from '../layout/ProblemAlert'
import type { Shown } from './PeoplePage'
import { choicesBelow, isAbove } from './roles'

type Props = { person: Person; mine: Role; isMe: boolean; onLink: (shown: Shown) => void }

/** What whoever looks at the page may do with somebody. */
export function PersonActions({ person, mine, isMe, onLink }: Props) {
  const { t } = useLingui()
  const change = useChangePerson()
  const link = usePasswordLink()
  if (isMe || !isAbove(mine, person.role)) return null

  const error = change.error ?? link.error
  const { name } = person
  const again = person.is_suspended ? t`Let in again` : t`New password`
  return (
    <Stack mt="sm" gap="sm">
      {error && <ProblemAlert error={error} />}
      <Group gap="xs" align="flex-end">
        <NativeSelect
          size="xs"
          label={t`Role of ${name}`}
          data={choicesBelow(mine)}
          maw="100%"
          styles={{ label: { overflowWrap: 'anywhere' } }}
          value={person.role}
          disabled={change.isPending}
          onChange={(event) =>
            change.mutate({ id: person.id, body: { role: event.currentTarget.value as Role } })
          }
        />
        <Button
          size="xs"
          variant="default"
          aria-label={t`${again}: ${name}`}
          loading={link.isPending}
          onClick={() =>
            link.mutate(person.id, {
              onSuccess: (made) =>
                onLink({
                  ...made,
                  words: t`With this link ${name} chooses a new password`,
                }),
            })
          }
        >
          {again}
        </Button>
        {!person.is_suspended && (
          <Button
            size="xs"
            variant="light"
            color="red"
            aria-label={t`Suspend ${name}`}
            loading={change.isPending && (change.variables.body.is_suspended ?? false)}
            onClick={() => change.mutate({ id: person.id, body: { is_suspended: true } })}
          >
            <Trans>Suspend</Trans>
          </Button>
        )}
      </Group>
    </Stack>
  )
}
