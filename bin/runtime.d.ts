export const NODE_FLAGS: string[];
export const ENVIRONMENT: Record<string, string>;
