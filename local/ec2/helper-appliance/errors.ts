/** What keeps a helper appliance from coming up; the message is what its console would show. */
export class CannotComeUp extends Error {
  override readonly name = 'CannotComeUp';
}
