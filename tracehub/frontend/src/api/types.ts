import type { components } from './schema'

type Schemas = components['schemas']

export type Login = Schemas['Login']
export type HistoryChange = Schemas['Change']
export type HistoryEntry = Schemas['Entry']
export type Incoterm = Schemas['Incoterm']
export type LinkKind = Schemas['LinkKind']
export type NewShipment = Schemas['NewShipment']
export type Paper = Schemas['Paper']
export type PaperKind = Schemas['PaperKind']
export type Person = Schemas['Person']
export type PersonChange = Schemas['PersonChange']
export type Reminder = Schemas['Reminder']
export type Role = Schemas['Role']
export type NewShare = Schemas['NewShare']
export type Share = Schemas['Share']
export type Shipment = Schemas['Shipment']
export type ShipmentChange = Schemas['ShipmentChange']
export type Stage = Schemas['Stage']
export type FieldError = Schemas['FieldError']
/** RFC 9457, as the API answers when something is wrong. */
export type Problem = Schemas['Problem']
