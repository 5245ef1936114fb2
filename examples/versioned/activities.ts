// What the order does outside.
export async function charge(item: string): Promise<string> {
  return `charged for ${item}`;
}

export async function checkFraud(item: string): Promise<string> {
  return `checked ${item}`;
}

export async function ship(item: string): Promise<string> {
  return `shipped ${item}`;
}
