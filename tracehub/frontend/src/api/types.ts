import type { components } from './schema'

type Schemas = components['schemas']

export type Login = Schemas['Login']
export type NewShipment = Schemas['NewShipment']
export type Reminder = Schemas['Reminder']
export type Shipment = Schemas['Shipment']
export type Status = Shipment['status']
export type FieldError = Schemas['FieldError']
/** RFC 9457, as the API answers when something is wrong. */
export type Problem = Schemas['Problem']
