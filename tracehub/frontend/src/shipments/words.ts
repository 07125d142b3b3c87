import { i18n, type MessageDescriptor } from '@lingui/core'
import { msg } from '@lingui/core/macro'

import type { Incoterm, Stage } from '../api/types'
import type { Field } from './fields'

const STAGES: Record<Stage, MessageDescriptor> = {
  draft: msg`Draft`,
  docs_pending: msg`Papers pending`,
  docs_complete: msg`Papers complete`,
  in_transit: msg`In transit`,
  arrived: msg`Arrived`,
  customs: msg`Customs`,
  delivered: msg`Delivered`,
  archived: msg`Archived`,
}

/** A stage, for people; as it is, when a later release knows more of them. */
export function labelOf(stage: string): string {
  return Object.hasOwn(STAGES, stage) ? i18n._(STAGES[stage as Stage]) : stage
}

const FIELDS: Record<Field, MessageDescriptor> = {
  reference: msg`Reference`,
  container_number: msg`Container number`,
  product: msg`Product`,
  buyer: msg`Buyer`,
  incoterm: msg`Incoterm`,
  origin_port: msg`Port of origin`,
  destination_port: msg`Port of destination`,
  departs_on: msg`Departs on`,
  arrives_on: msg`Arrives on`,
  bill_of_lading: msg`Bill of lading`,
  booking: msg`Booking number`,
  vessel: msg`Vessel`,
  voyage: msg`Voyage`,
}

/** What belongs to a shipment, as its history names it. */
const PARTS: Record<string, MessageDescriptor> = {
  container: msg`Container`,
  item: msg`Goods`,
  carrier: msg`Carrier`,
  agent: msg`Agent`,
  other: msg`Other partner`,
}

/** As people call a part; as it is, when a later release knows more of them. */
export function labelOfPart(part: string): string {
  return Object.hasOwn(PARTS, part) ? i18n._(PARTS[part]!) : part
}

/** As people call a field, in the form and wherever it is shown. */
export function labelOfField(field: Field): string {
  return i18n._(FIELDS[field])
}

const INCOTERMS: Record<Incoterm, MessageDescriptor> = {
  EXW: msg`Ex works`,
  FCA: msg`Free carrier`,
  FAS: msg`Free alongside ship`,
  FOB: msg`Free on board`,
  CFR: msg`Cost and freight`,
  CIF: msg`Cost, insurance and freight`,
  CPT: msg`Carriage paid to`,
  CIP: msg`Carriage and insurance paid to`,
  DAP: msg`Delivered at place`,
  DPU: msg`Delivered at place unloaded`,
  DDP: msg`Delivered duty paid`,
}

/** What the letters stand for; nothing, when a later release knows more of them. */
export function labelOfIncoterm(incoterm: Incoterm): string | undefined {
  return Object.hasOwn(INCOTERMS, incoterm) ? i18n._(INCOTERMS[incoterm]) : undefined
}

/** All of them, as a list to choose from. */
export function incotermChoices() {
  return Object.entries(INCOTERMS).map(([value, words]) => ({
    value,
    label: `${value} · ${i18n._(words)}`,
  }))
}
