// Without its secret the channel would fail message by message; so it is not deployed.
var secret = configurationMap.get('@SECRET_KEY@');
if (!/^whsec_[A-Za-z0-9+\/]{32,}=*$/.test(String(secret || '').trim())) {
    throw 'Settings > Configuration Map: set @SECRET_KEY@ to the secret of the system @CODE@ (whsec_...).';
}
return;
