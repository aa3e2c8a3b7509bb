import { boolean, filters, optionalText } from '../decode.ts';
import { json, nothing, route } from '../route.ts';
import {
  type NetworkCreateResponse,
  type NetworkInspect,
  type NetworkPruneReport,
  networkConnectBody,
  networkCreateBody,
  networkDisconnectBody,
} from './networks.ts';

export const networkList = route('GET', '/networks', { query: { filters }, answer: json<NetworkInspect[]>() });

export const networkInspect = route('GET', '/networks/{ref}', {
  query: { verbose: boolean, scope: optionalText },
  answer: json<NetworkInspect>(),
});

export const networkCreate = route('POST', '/networks/create', {
  body: networkCreateBody,
  answer: json<NetworkCreateResponse>(201),
});

export const networkRemove = route('DELETE', '/networks/{ref}', { answer: nothing() });

export const networkConnect = route('POST', '/networks/{ref}/connect', {
  body: networkConnectBody,
  answer: nothing(200),
});

export const networkDisconnect = route('POST', '/networks/{ref}/disconnect', {
  body: networkDisconnectBody,
  answer: nothing(200),
});

export const networkPrune = route('POST', '/networks/prune', {
  query: { filters },
  answer: json<NetworkPruneReport>(),
});
