import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import type { ReactNode } from 'react'

import type { ActivityEntry, HistoryChange, Role } from '../api/types'
import { AnchorLink } from '../layout/links'
import { labelOfKind } from '../partners/kinds'
import { partnerFields } from '../partners/fields'
import { labelOfRole } from '../people/roles'
import { sentence } from '../shipments/sentence'
import { labelOf } from '../shipments/words'

type Words = { who: ReactNode; what: ReactNode; entry: ActivityEntry }

/** Who did what, as a sentence that leads to what it is about. A later release may know more of both. */
export function Headline({ entry }: { entry: ActivityEntry }) {
  const who = <b>{entry.by.name}</b>
  const what = <Subject entry={entry} />
  const Sentence = SENTENCES[`${entry.subject.kind} ${entry.what}`]
  return Sentence ? (
    <Sentence who={who} what={what} entry={entry} />
  ) : (
    <Other {...{ who, what, entry }} />
  )
}

const SENTENCES: Record<string, (words: Words) => ReactNode> = {
  'shipment created': ({ who, what }) => (
    <Trans>
      {who} created the shipment {what}
    </Trans>
  ),
  'shipment changed': ShipmentChanged,
  'partner created': ({ who, what, entry }) => {
    const kind = labelOfKind(changeOf(entry, 'kind')?.after ?? '')
    return (
      <Trans>
        {who} added the partner {what} ({kind})
      </Trans>
    )
  },
  'partner changed': ({ who, what }) => (
    <Trans>
      {who} changed the partner {what}
    </Trans>
  ),
  'partner removed': ({ who, what }) => (
    <Trans>
      {who} removed the partner {what}
    </Trans>
  ),
  'person invited': ({ who, what, entry }) => {
    const role = roleAfter(entry)
    return (
      <Trans>
        {who} invited {what} ({role})
      </Trans>
    )
  },
  'person invitation_removed': ({ who, what }) => (
    <Trans>
      {who} took back the invitation of {what}
    </Trans>
  ),
  'person joined': ({ what, entry }) => {
    const role = roleAfter(entry)
    return (
      <Trans>
        {what} joined ({role})
      </Trans>
    )
  },
  'person changed': ({ who, what, entry }) => {
    const before = labelOfRole((changeOf(entry, 'role')?.before ?? '') as Role)
    const after = roleAfter(entry)
    return (
      <Trans>
        {who} changed the role of {what} from {before} to {after}
      </Trans>
    )
  },
  'person suspended': ({ who, what }) => (
    <Trans>
      {who} suspended {what}
    </Trans>
  ),
  'person reinstated': ({ what }) => <Trans>{what} has a new password, and is let in again</Trans>,
  'person password_link_made': ({ who, what }) => (
    <Trans>
      {who} made a link for another password of {what}
    </Trans>
  ),
}

function ShipmentChanged({ who, what, entry }: Words) {
  const stage = changeOf(entry, 'stage')
  if (stage) {
    const from = labelOf(stage.before ?? '')
    const to = labelOf(stage.after ?? '')
    return (
      <Trans>
        {who} moved {what} from {from} to {to}
      </Trans>
    )
  }
  if (changeOf(entry, 'paper')) {
    return (
      <Trans>
        {who} changed the papers of {what}
      </Trans>
    )
  }
  if (changeOf(entry, 'share')) {
    return (
      <Trans>
        {who} changed the links of {what}
      </Trans>
    )
  }
  return (
    <Trans>
      {who} changed {what}
    </Trans>
  )
}

function Other({ who, what, entry }: Words) {
  return (
    <>
      {who}: {what} ({entry.what})
    </>
  )
}

function Subject({ entry: { subject } }: { entry: ActivityEntry }) {
  const { kind, id, name, exists } = subject
  if (kind === 'shipment') {
    return (
      <AnchorLink to="/shipments/$id" params={{ id }} size="sm" underline="always">
        {name}
      </AnchorLink>
    )
  }
  if (kind === 'partner' && exists) {
    return (
      <AnchorLink to="/partners/$id" params={{ id }} size="sm" underline="always">
        {name}
      </AnchorLink>
    )
  }
  if (kind === 'person' && exists) {
    return (
      <AnchorLink to="/people" size="sm" underline="always">
        {name}
      </AnchorLink>
    )
  }
  return <b>{name}</b>
}

/** What the headline does not say, a line for each field. */
export function detailsOf(entry: ActivityEntry): string[] {
  if (entry.what !== 'changed') return []
  if (entry.subject.kind === 'shipment') {
    return entry.changes.filter(({ field }) => field !== 'stage').map(sentence)
  }
  if (entry.subject.kind !== 'partner') return []
  return entry.changes.map(({ field, before, after }) => {
    const label = partnerFields().find(({ name }) => name === field)?.label ?? field
    return t`${label}: ${before || t`nothing`} → ${after || t`nothing`}`
  })
}

function changeOf(entry: ActivityEntry, field: string): HistoryChange | undefined {
  return entry.changes.find((change) => change.field === field)
}

const roleAfter = (entry: ActivityEntry) =>
  labelOfRole((changeOf(entry, 'role')?.after ?? '') as Role)
