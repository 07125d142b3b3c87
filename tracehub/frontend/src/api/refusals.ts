import { i18n, type MessageDescriptor } from '@lingui/core'
import { msg, t } from '@lingui/core/macro'

import type { FieldError, Problem } from './types'

/** By its type; what is not here is said by the API's own sentence, or by its status. */
const BY_TYPE: Record<string, MessageDescriptor> = {
  '/problems/wrong-password': msg`The address or the password is not right`,
  '/problems/too-many-log-ins': msg`Too many log-ins have failed`,
  '/problems/too-busy': msg`Too many are asking for that at this moment`,
  '/problems/role-too-low': msg`Your role does not allow that: please ask an owner of your organisation`,
  '/problems/own-role': msg`Nobody changes their own role, or suspends themselves`,
  '/problems/owners-only': msg`Only an owner decides about owners and managers`,
  '/problems/reference-taken': msg`There is a shipment with this reference already`,
  '/problems/person-known': msg`They are one of your people already`,
  '/problems/address-taken': msg`There is somebody with this address already`,
  '/problems/container-there': msg`The shipment has this container already`,
  '/problems/too-many': msg`The shipment has as many as it may`,
  '/problems/partner-taken': msg`There is a partner of this kind with this name already`,
  '/problems/partner-in-use': msg`Shipments have this partner`,
  '/problems/buyer-of-many': msg`Too many shipments have this buyer to give it another name`,
  '/problems/container-known': msg`More is known of this container than its number: please remove it among the containers`,
  '/problems/still-answered': msg`What you sent before is still being answered`,
  '/problems/changed-since': msg`Somebody has changed it since you saw it`,
  '/problems/stage-refused': msg`It cannot go there from where it stands by now`,
  '/problems/other-offset': msg`Please bring the file once more: it goes on where it was cut`,
  '/problems/other-size': msg`More of the file has come than was said`,
  '/problems/part-too-large': msg`A part of the file is too large`,
  '/problems/paper-too-large': msg`A paper may have 50 MB at most`,
  '/problems/papers-full': msg`Your organisation's papers have no room for this one`,
  '/problems/too-many-versions': msg`This paper has as many versions as it may have: please bring it as a new one`,
  '/problems/too-many-papers': msg`This shipment has as many papers as it may have`,
  '/problems/disk-full': msg`There is no room for more papers at this moment: please try again later`,
  '/problems/other-content': msg`The file is not what it says it is: please check that it opens, and send it again`,
  '/problems/unknown-content': msg`This kind of file is not taken: PDF, pictures, DOCX, XLSX, ODT, ODS, CSV, XML, JSON and plain text are`,
  '/problems/locked-file': msg`The file is locked with a password: please send one that opens without`,
  '/problems/huge-file': msg`The file would unpack to more than an office file has: it is not kept`,
  '/problems/huge-picture': msg`The picture has more than 250 million pixels: please send a smaller one`,
  '/problems/torn-picture': msg`The picture is not whole`,
  '/problems/paper-gone': msg`The paper was taken away meanwhile: please bring it as a new one`,
  '/problems/others-paper': msg`You may take away what you have brought yourself: please ask a manager`,
  '/problems/too-many-shares': msg`A shipment may have 100 links that are good: please take one back first`,
  '/problems/no-mail': msg`No mail is sent from here: please ask an owner of your organisation for a link`,
  '/problems/no-sign-up': msg`Nobody signs up here: please ask whoever runs this TraceHub`,
  '/problems/too-many-sign-ups': msg`So many have signed up today that it must wait: please use the link again later, or sign up again tomorrow`,
  '/problems/link-gone': msg`This link is not good any more`,
}

const BY_STATUS: Record<number, MessageDescriptor> = {
  400: msg`TraceHub did not understand that`,
  401: msg`Please log in again`,
  403: msg`You may not do that`,
  404: msg`There is nothing here`,
  409: msg`This does not go with what is there already`,
  413: msg`That is too large`,
  422: msg`Some of it is not right`,
  429: msg`That was too often in a short time`,
  500: msg`Something went wrong here`,
  503: msg`TraceHub is being looked after and will be back soon. Nothing is lost`,
}

/** What the API refused, for people. Its own sentences are English, and say more than a status does. */
export function refusal({ type, status, title, detail }: Problem): string {
  const known = Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type] : undefined
  if (known) return i18n._(known)
  const own = detail || title
  if (own && i18n.locale === 'en') return capitalised(own)
  const words = BY_STATUS[status]
  return words ? i18n._(words) : t`TraceHub could not answer (${status})`
}

/** What is wrong with a field, for people. */
export function fieldRefusal({ code, limit, message }: FieldError): string {
  switch (code) {
    case 'empty':
      return t`Must not be empty`
    case 'too_long':
      return t`Must not be longer than ${limit ?? 0} characters`
    case 'too_short':
      return t`Must have ${limit ?? 0} characters at least`
    case 'lines':
      return t`Must be a single line of text`
    case 'hidden':
      return t`Must hold only characters that can be seen`
    case 'accents':
      return t`Must not hold more accents than letters carry`
    case 'container_number':
      return t`Must be four letters and seven digits whose last one fits, such as CSQU3054383`
    case 'check_digit':
      return t`Must end with another check digit: ${limit ?? 0} would fit`
    case 'container_kind':
      return t`Must be a size and type of ISO 6346, such as 45G1`
    case 'hs_code':
      return t`Must be six to eight digits of the Harmonized System, such as 180100`
    case 'country':
      return t`Must be a country's two letters, such as DE`
    case 'eori':
      return t`Must be a country's two letters and up to 15 letters and digits, such as DE1234567`
    case 'amount':
      return t`Must be a number above 0 that is not too large`
    case 'too_many_lines':
      return t`Must not have more than ${limit ?? 0} lines`
    case 'less_than_net':
      return t`Must not be less than what the goods alone weigh`
    case 'out_of_range':
      return t`Must be between 2000 and 2099`
    case 'before_departure':
      return t`Must not be before the departure`
    case 'email':
      return t`Must be a mail address, such as ada@example.com`
    case 'not_your_password':
      return t`Is not your password`
    default:
      // Each rule has its words, or this does not compile; a later release may have more rules.
      void (code satisfies undefined)
      return i18n.locale === 'en' ? capitalised(message) : t`Is not right`
  }
}

/** The API speaks in lower case, as for the middle of a sentence. */
function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
